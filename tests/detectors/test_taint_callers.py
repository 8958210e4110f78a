"""Who gets to a sink: administrators, a program's owner, who debugs it, or only who asks."""

import pytest
from grading import HIGH, MEDIUM, severities, sink

from rlm_gate.core import Severity

RUN = sink("javascript", "shell", "exec")
ASK = sink("python", "shell", "system")
SEND = sink("javascript", "xss", "**.res.send")


@pytest.mark.parametrize(
    ("beside", "before", "meant"),
    [
        ("ownerOnly: true,", "", MEDIUM),
        ("devOnly: true,", "", MEDIUM),
        ("", "if (user.id !== config.ownerId) return;", MEDIUM),
        ("", "if (!config.developerIds.includes(interaction.user.id)) return;", MEDIUM),
        ("ownerOnly: false,", "", HIGH),
        ("category: 'owner',", "", HIGH),
        ("", "const ownerId = interaction.user.id;", HIGH),
        ("", "", HIGH),
    ],
)
def test_what_a_bot_does_for_its_owner_alone_is_less(
    beside: str, before: str, meant: Severity
) -> None:
    code = (
        f"module.exports = {{\n  name: 'run', {beside}\n  async execute(interaction) {{\n"
        f"    const user = interaction.user;\n    {before}\n"
        "    exec(interaction.options.getString('what'));\n  },\n};\n"
    )
    assert severities("a.js", code, **RUN) == [meant]


def test_the_constructor_of_a_command_says_who_may_give_it() -> None:
    code = (
        "class Run extends Command {\n"
        "  constructor(bot) { super(bot, { restriction: ['owner'] }); }\n"
        "  run(interaction) { exec(interaction.options.getString('what')); }\n}\n"
    )
    assert severities("a.js", code, **RUN) == [MEDIUM]
    assert severities("a.js", code.replace("owner", "member"), **RUN) == [HIGH]


@pytest.mark.parametrize(
    ("decorator", "before", "meant"),
    [
        ("@role_required(['Global Admin', 'Editor'])", "", MEDIUM),
        ("@role_required(['Editor'])", "", HIGH),
        ("@login_required", "if not settings.debug_mode:\n        return 403", MEDIUM),
        ("@login_required", "if settings.debug_mode:\n        print('debugging')", HIGH),
    ],
)
def test_a_role_or_a_mode_of_debugging_keeps_strangers_out(
    decorator: str, before: str, meant: Severity
) -> None:
    code = (
        f"@app.route('/a')\n{decorator}\ndef run():\n    {before or 'pass'}\n"
        "    return system(request.args['what'])\n"
    )
    assert severities("a.py", code, **ASK) == [meant]


@pytest.mark.parametrize(
    ("guard", "meant"),
    [
        ("if (process.env.NODE_ENV === 'production') return res.end();", MEDIUM),
        ("if (process.env.NODE_ENV !== 'development') { throw new Error(); }", MEDIUM),
        ("if (process.env.NODE_ENV !== 'production') console.log('asked');", HIGH),
        ("if (process.env.NODE_ENV === 'development') return res.end();", HIGH),
    ],
)
def test_what_production_refuses_is_less(guard: str, meant: Severity) -> None:
    code = f"app.get('/a', (req, res) => {{\n  {guard}\n  exec(req.query.what);\n}});\n"
    assert severities("a.js", code, **RUN) == [meant]


def test_a_guard_around_a_callback_is_read_and_that_of_another_route_is_not() -> None:
    inner = "if (user.role !== 'admin') return;\n  work(() => exec(req.query.what));"
    code = f"app.get('/a', (req, res) => {{\n  {inner}\n}});\n"
    assert severities("a.js", code, **RUN) == [MEDIUM]
    routes = "app.get('/b', isAdmin, show);\n  app.get('/a', (req) => exec(req.query.a));"
    code = f"module.exports = (app) => {{\n  {routes}\n}};"
    assert severities("a.js", code, **RUN) == [HIGH]


@pytest.mark.parametrize(
    ("head", "sent", "meant"),
    [
        ("", "req.body.content", MEDIUM),
        ("", "`<p>${req.body.content}</p>`", MEDIUM),
        ("", "req.query.content", HIGH),
        ("app.use(express.urlencoded());\n", "req.body.content", MEDIUM),
    ],
)
def test_a_body_that_is_sent_back_needs_a_form_of_somebody_elses_page(
    head: str, sent: str, meant: Severity
) -> None:
    code = f"{head}app.post('/a', (req, res) => {{\n  res.send({sent});\n}});\n"
    assert severities("a.js", code, **SEND) == [meant]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("@PreAuthorize(\"hasRole('ADMIN')\")", MEDIUM),
        ('@RolesAllowed("admin")', MEDIUM),
        ('@RequestMapping("/a")', HIGH),
        ("@PreAuthorize(\"hasRole('USER')\")", HIGH),
    ],
)
@pytest.mark.parametrize("before", ["class A", "@GetMapping"])
def test_what_only_administrators_reach_is_less_wherever_that_is_written(
    said: str, meant: Severity, before: str
) -> None:
    code = (
        "class A {\n  @GetMapping\n  String show(@RequestParam String name) {\n"
        '    return Files.newInputStream("a/" + name);\n  }\n}\n'
    ).replace(before, f"{said}\n  {before}")
    calls = [{"call": "Files.newInputStream", "args": [0]}]
    assert severities("A.java", code, language="java", sink="path", calls=calls) == [meant]


@pytest.mark.parametrize(
    ("said", "meant"),
    [("permission_classes = [IsAdminUser]", MEDIUM), ("permission_classes = [AllowAny]", HIGH)],
)
def test_a_view_says_who_may_ask_it_before_its_methods(said: str, meant: Severity) -> None:
    code = (
        f"class Show(APIView):\n    {said}\n    def get(self, request):\n"
        "        return open('files/' + request.GET['name'])\n"
    )
    assert severities("a.py", code, **sink("python", "path", "open")) == [meant]


@pytest.mark.parametrize(
    ("name", "meant"),
    [("AdminFiles", MEDIUM), ("Panel extends AdminPage", MEDIUM), ("A", HIGH)],
)
def test_a_class_of_administration_is_for_administrators(name: str, meant: Severity) -> None:
    code = (
        f"<?php\nclass {name} {{\n  public function show() {{\n    $name = $_GET['name'];\n"
        "    readfile('files/' . $name);\n  }\n}\n"
    )
    calls = [{"call": "readfile", "args": [0]}]
    assert severities("a.php", code, language="php", sink="path", calls=calls) == [meant]


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("$this->input->post('name')", MEDIUM),
        ("$this->input->get('name')", HIGH),
        ("$_POST['name']", MEDIUM),
        ("$_POST['name'] ?? $_GET['name']", HIGH),
        ("$_REQUEST['name']", HIGH),
    ],
)
def test_what_a_form_alone_brings_to_its_own_page_is_less(asked: str, meant: Severity) -> None:
    calls = [{"call": "echo", "args": [0]}]
    code = f"\n<p>\n<?php echo {asked}; ?>\n</p>\n"
    assert severities("a.php", code, language="php", sink="xss", calls=calls) == [meant]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        *((f"{verb}Admin(req);", MEDIUM) for verb in ("require", "is", "check", "ensure")),
        *((f"{verb}_admin(req);", MEDIUM) for verb in ("only", "must_be", "has", "verify")),
        *((f"{verb}Admin(req);", MEDIUM) for verb in ("authorize", "authorise", "mustBe")),
        *(("requireSuperAdmin(req);", MEDIUM), ("admin.require(req);", MEDIUM)),
        *(("admin.can(req);", MEDIUM), ("use(adminOnly);", MEDIUM), ("use(adminGuard);", MEDIUM)),
        *(("if (user.hasRole('ROLE_ADMIN')) a();", MEDIUM),),
        *(("user.hasAuthority('admin');", MEDIUM), ("user.hasAnyRole('A', 'ADMIN');", MEDIUM)),
        *(("if (user.role !== 'admin') return;", MEDIUM), ("user.isSuperuser;", MEDIUM)),
        *(("if (role == 'super_admin') a();", MEDIUM), ("user.is_staff;", MEDIUM)),
        *(("user.verifyAdmin;", MEDIUM), ("user.mustBeAdmin;", MEDIUM)),
        *(("show('admin');", HIGH), ("administrate(req);", HIGH), ("is(admins);", HIGH)),
    ],
)
def test_a_function_that_asks_for_an_administrator_says_so(said: str, meant: Severity) -> None:
    code = f"app.get('/a', (req, res) => {{\n  {said}\n  exec('ls ' + req.query.a);\n}});\n"
    assert severities("a.js", code, **sink("javascript", "shell", "exec")) == [meant]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        *((f"@{name}", MEDIUM) for name in ("permission_required('a.b')", "admin_required")),
        *((f"@{name}", MEDIUM) for name in ("user_passes_test(suits)", "staff_member_required")),
        *((f"@{name}", HIGH) for name in ("login_required", "cached")),
    ],
)
def test_a_decorator_says_who_may_call(said: str, meant: Severity) -> None:
    code = (
        f"from flask import request\n@app.get('/files')\n{said}\ndef show():\n"
        "    return system(request.args['a'])\n"
    )
    assert severities("a.py", code, **sink("python", "shell", "system")) == [meant]


def test_what_stands_at_another_method_says_nothing_of_this_one() -> None:
    code = (
        "from flask import request\nclass Files:\n    @admin_required\n    def other(self):\n"
        "        return 1\n\n    @app.get('/a')\n    def show(self):\n"
        "        return system(request.args['a'])\n"
    )
    assert severities("a.py", code, **sink("python", "shell", "system")) == [HIGH]
    head = code.replace("class Files:\n", "class Files:\n    roles = admin_only\n")
    assert severities("a.py", head, **sink("python", "shell", "system")) == [MEDIUM]
    head = code.replace("class Files:\n", "class Files:\n    permission_classes = [SiteAdmin]\n")
    assert severities("a.py", head, **sink("python", "shell", "system")) == [MEDIUM]
    inner = "class Admins:\n    pass\n\n"
    assert severities("a.py", inner + code, **sink("python", "shell", "system")) == [HIGH]


@pytest.mark.parametrize("asked", ["req.body", "request.body", "ctx.body", "ctx.request.body"])
def test_a_refusal_of_a_posted_body_is_so_by_any_name_of_the_request(asked: str) -> None:
    names = asked.partition(".")[0]
    code = (
        f"app.post('/', ({names}, res) => {{\n  res.status(400).send(`No ${{{asked}.a}}`);\n}});\n"
    )
    page = sink("javascript", "xss", "**.res.{send,status().send}")
    assert HIGH not in severities("a.js", code, **page)


@pytest.mark.parametrize(
    ("asked", "kept", "meant"),
    [
        ('if (given.FileName.Contains("..")) return null;', "private", MEDIUM),
        ('if (given.FileName.Contains("..")) return null;', "public", HIGH),
        ("if (given == null) return null;", "private", HIGH),
    ],
)
def test_the_callers_of_a_private_function_may_have_looked(
    asked: str, kept: str, meant: Severity
) -> None:
    code = (
        "using Microsoft.AspNetCore.Mvc;\npublic class ThemeController : Controller {\n"
        f"  [HttpPost] public string Take(IFormFile given) {{ {asked} return Put(given); }}\n"
        f"  {kept} string Put(IFormFile file) {{\n"
        "    return Store(Path.Join(_temporary, file.FileName));\n  }\n}\n"
    )
    assert severities("ThemeController.cs", code, **sink("csharp", "path", "Store")) == [meant]


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("$_POST['name']", MEDIUM),
        ("$_GET['name']", HIGH),
        ("$_POST['name'] ?? $_GET['name']", HIGH),
    ],
)
def test_behind_a_login_only_what_a_form_alone_brings_is_less(asked: str, meant: Severity) -> None:
    code = f"<?php\nif (!isset($_SESSION['user'])) {{ exit; }}\n$name = {asked};\nshow($name);\n"
    assert severities("a.php", code, **sink("php", "xss", "show")) == [meant]


@pytest.mark.parametrize(
    ("head", "meant"),
    [
        ("@GetMapping class A {", HIGH),
        ("class A {", MEDIUM),
        ("class A implements Shown {", HIGH),
        ("class A extends Shown {", HIGH),
    ],
)
def test_a_method_without_a_route_is_no_handler(head: str, meant: Severity) -> None:
    route = "@GetMapping" if "@" in head else ""
    head = head.removeprefix("@GetMapping ")
    code = (
        f"{head}\n  {route}\n  void show(@RequestParam String name) {{\n"
        "    st.executeQuery(name);\n  }\n}\n"
    )
    assert severities("A.java", code, **sink("java", "sql", "st.executeQuery")) == [meant]


@pytest.mark.parametrize(
    ("check", "meant"),
    [("if (sha1($a) == $_GET['signature'])", MEDIUM), ("if ($a)", HIGH)],
)
def test_who_signed_a_request_is_told_what_it_said(check: str, meant: Severity) -> None:
    code = f"<?php\n{check} {{ $said = $_GET['echostr'];\nshow($said); }}\n"
    assert severities("a.php", code, **sink("php", "xss", "show")) == [meant]


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("if ($_SESSION['isAdmin'] == 1) {", MEDIUM),
        ('if ($_SESSION["access"]==1) {', MEDIUM),
        ("if (empty($_SESSION['admin'])) { exit; } {", MEDIUM),
        (
            "if (!isset($_SESSION['user']['role']) || $_SESSION['role'] != 'admin') { exit; } {",
            MEDIUM,
        ),
        ("if (isset($_SESSION['user'])) {", HIGH),
        ("if ($_GET['admin']) {", HIGH),
    ],
)
def test_a_page_may_ask_its_session_for_an_administrator(asked: str, meant: Severity) -> None:
    code = f"<?php\n{asked}\n  $n = $_GET['n'];\n  look($n);\n}}\n"
    assert severities("a.php", code, **sink("php", "sql", "look")) == [meant]


def test_what_a_page_asks_behind_the_sink_keeps_nobody_out() -> None:
    code = "<?php\n$n = $_GET['n'];\nlook($n);\nif ($_SESSION['admin'] == 1) { greet(); }\n"
    assert severities("a.php", code, **sink("php", "sql", "look")) == [HIGH]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("if (file_exists(__DIR__ . '/install.lock')) { die('done'); }", MEDIUM),
        ("if (file_exists('a.txt')) { die('done'); }", HIGH),
        ("$pass = $_POST['pass'];\n$db = new PDO('mysql:host=a', $user, $pass);", MEDIUM),
        ("$pass = getenv('PASS');\n$db = new PDO('mysql:host=a', $user, $pass);", HIGH),
        ("$pass = $_POST['pass'];\n$db = new PDO('mysql:host=a', $user, $word);", HIGH),
    ],
)
def test_a_page_that_sets_a_program_up_is_for_its_owner(said: str, meant: Severity) -> None:
    code = f"<?php\n{said}\n$n = $_GET['n'];\nlook($n);\n"
    assert severities("a.php", code, **sink("php", "sql", "look")) == [meant]
