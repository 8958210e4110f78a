"""The engine that compares what the routes of a router, and of files beside it, ask for."""

from __future__ import annotations

from typing import Any

import pytest
from builders import corpus, rule, source

from rlm_gate.core import Corpus, Detect, Finding, Severity
from rlm_gate.detectors import routes

RULE = rule("own/bare", detect=[Detect("routes", {"find": "unguarded"})])
GUARDED = """
router.get("/items", requireAuth, items.all);
router.post("/items", requireAuth, items.add);
router.put("/items/:id", requireAuth, items.change);
"""
MOUNTS = "const items = require('./routes/items');\napp.use('/items', items);\n"


def tree(files: dict[str, str], **judged: Any) -> Corpus:
    return corpus(*(source(path, text) for path, text in files.items()), **judged)


def found(files: dict[str, str], path: str) -> list[tuple[int, Severity]]:
    judged = [one for one in routes.detect(tree(files), [RULE]) if isinstance(one, Finding)]
    return [(one.span.start, one.severity) for one in judged if one.span.path == path]


def bare(text: str, **others: str) -> list[tuple[int, Severity]]:
    """Return what is told of a router's file, below the mounts of the application."""
    files = {"routes/items.js": text, "app.js": MOUNTS}
    return found({**files, **others}, "routes/items.js")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("router.delete('/items/:id', gone);", [Severity.MEDIUM], id="handler unseen"),
        pytest.param(
            "router.delete('/items/:id', async (req, res) => Item.remove({ id: req.params.id }));",
            [Severity.HIGH],
            id="handler seen",
        ),
        pytest.param(
            "router.route('/items/:id').get(one).delete(gone).patch(change);",
            [Severity.MEDIUM],
            id="a chain is told once",
        ),
        pytest.param(
            "router.get('/fix', async (req, res) => db.query('ALTER TABLE a ADD b text'));",
            [Severity.HIGH],
            id="a change of tables by get",
        ),
        pytest.param(
            "router.delete('/items/:id', upload.none(), gone);", [Severity.MEDIUM], id="upload"
        ),
        pytest.param("router.delete('/items/:id', isOwner, gone);", [], id="another check"),
        pytest.param("router.delete('/items/:id', gate, gone);", [], id="nobody knows"),
        pytest.param("router.delete('/items/:id', ...write('x'), gone);", [], id="spread"),
        pytest.param("router.delete('/items/:id', only('x', gone));", [], id="wrapped"),
        pytest.param("router.route('/items/:id').all(requireAuth).delete(gone);", [], id="all"),
        pytest.param("router.use(requireAuth);\nrouter.delete('/items/:id', gone);", [], id="use"),
        pytest.param("router.post('/login', enter);", [], id="a login"),
        pytest.param("router.post('/comments', add);", [], id="strangers may comment"),
        pytest.param(
            "router.delete('/items/:id', (req, res) => { if (!req.user) return; gone(); });",
            [],
            id="the handler asks",
        ),
        pytest.param(
            "router.put('/prices', (req, res) => res.json(sum(req.body)));", [], id="reads"
        ),
    ],
)
def test_a_route_without_the_check_of_its_neighbours_is_told(
    text: str, told: list[Severity]
) -> None:
    assert [severity for _, severity in bare(GUARDED + text)] == told


def test_a_check_below_a_route_does_not_guard_it() -> None:
    late = GUARDED + "router.delete('/items/:id', gone);\nrouter.use(requireAuth);\n"
    assert bare(late) == [(5, Severity.MEDIUM)]


def test_where_none_asks_nothing_is_odd() -> None:
    assert bare("router.post('/a', add);\nrouter.delete('/a/:id', gone);\n") == []


@pytest.mark.parametrize(
    ("mounts", "told"),
    [
        pytest.param(MOUNTS, 1, id="open"),
        pytest.param(MOUNTS.replace("', items)", "', requireAuth, items)"), 0, id="in the mount"),
        pytest.param("app.use(requireAuth);\n" + MOUNTS, 0, id="above the mount"),
        pytest.param("app.use('/other', requireAuth);\n" + MOUNTS, 1, id="of another path"),
        pytest.param("app.use(passport.initialize());\n" + MOUNTS, 1, id="no check"),
        pytest.param("app.use(authLimiter);\n" + MOUNTS, 1, id="a limit of logins"),
        pytest.param("// app.use(requireAuth);\n" + MOUNTS, 1, id="commented out"),
        pytest.param(
            "app.use('/items', requireAuth, require('./routes/items'));", 0, id="required there"
        ),
    ],
)
def test_what_an_application_asks_before_a_router_counts(mounts: str, told: int) -> None:
    assert len(bare(GUARDED + "router.delete('/a/:id', gone);", **{"app.js": mounts})) == told


def test_a_file_without_any_check_is_told_where_those_beside_it_have_one() -> None:
    other = {"routes/a.js": GUARDED, "routes/b.js": GUARDED}
    text = "router.post('/x', add);\nrouter.delete('/y/:id', gone);\n"
    assert bare(text, **other) == [(2, Severity.MEDIUM)]  # the gravest stands for all
    many = {f"routes/{name}.js": GUARDED for name in "abcd"}
    open_one = "router.delete('/y/:id', (req, res) => db.remove(req.params.id));\n"
    assert bare(open_one, **many) == [(1, Severity.HIGH)]
    assert bare(text, **{"routes/a.js": GUARDED}) == []  # one may be the exception
    silent = {f"routes/{name}.js": text for name in "cd"}
    assert bare(text, **other, **silent) == []  # so may these


@pytest.mark.parametrize(
    ("body", "told"),
    [
        pytest.param("await Item.remove();", 1, id="open"),
        pytest.param("if (!req.user) die();\n  await Item.remove();", 0, id="asks"),
        pytest.param("res.send(1);\n};\nconst other = () => {\n  Item.remove();", 0, id="reads"),
    ],
)
def test_a_handler_of_another_file_is_read(body: str, told: int) -> None:
    controller = f"exports.gone = async (req, res) => {{\n  {body}\n}};\n"
    text = "const items = require('../controllers/items');\n" + GUARDED
    text += "router.delete('/a/:id', items.gone);\n"
    assert len(bare(text, **{"controllers/items.js": controller})) == told


def test_the_explanation_names_the_neighbours_and_what_else_does_not_ask() -> None:
    text = GUARDED + "router.route('/a/:id').delete(gone).put(change);\n"
    one = next(iter(routes.detect(tree({"a.js": text}), [RULE])))
    assert isinstance(one, Finding)
    assert one.explanation == (
        "3 other routes of router ask who is calling: lines 2, 3, 4; nor does put in line 5"
    )


def test_in_a_change_each_route_is_told_apart() -> None:
    text = GUARDED + "router.route('/a/:id')\n  .delete(gone)\n  .put(change);\n"
    file = source("a.js", text, status="modified", changed=[(7, 7)])
    told = routes.detect(corpus(file, kind="diff"), [RULE])
    assert [one.span.start for one in told if isinstance(one, Finding)] == [6, 7]


def test_a_check_that_a_helper_wraps_is_one() -> None:
    wrapped = "router.delete('/a/:id', catchAll(requireSuper), catchAll(gone));"
    assert bare(GUARDED + wrapped) == []
    assert len(bare(GUARDED + wrapped.replace("requireSuper", "readJson"))) == 1


def test_a_router_is_mounted_wherever_a_file_of_such_a_name_stands() -> None:
    mounts = "const items = require('../routes/items');\napp.use('/items', requireAuth, items);\n"
    files = {
        "routes/items.js": GUARDED + "router.delete('/a/:id', gone);",
        "utils/server.js": mounts,
    }
    assert found(files, "routes/items.js") == []


@pytest.mark.parametrize(
    ("path", "told"),
    [("/orders", 0), ("/quick-take/:orderId", 1), ("/products/:id/reviews", 0)],
)
def test_strangers_may_add_but_not_act_on_what_is_there(path: str, told: int) -> None:
    text = f"router.post('{path}', (req, res) => db.save(req.body));"
    assert len(bare(GUARDED + text)) == told


@pytest.mark.parametrize(
    ("check", "told"),
    [
        ("if (req.user.role !== 'admin') stop();", Severity.HIGH),
        ("const admin = require('firebase-admin');", Severity.MEDIUM),
    ],
)
def test_a_role_that_is_given_away_is_grave_where_there_are_administrators(
    check: str, told: Severity
) -> None:
    text = """router.post('/register', async (req, res) => {
  const { name, password, role } = req.body;
  await User.create({ name, role, password: await digest(password) });
});
"""
    assert bare(text, **{"middleware/auth.js": check}) == [(1, told)]


def test_who_mounts_a_router_may_be_mounted_behind_a_check_itself() -> None:
    text = GUARDED + "router.delete('/a/:id', gone);"
    middle = "import items from './items';\nrouter.use('/items', items);\n"
    outer = "import users from './routes/users';\napp.use('/users', requireAuth, users);\n"
    files = {"routes/items.js": text, "routes/users.js": middle, "app.js": outer}
    assert found(files, "routes/items.js") == []
    files["app.js"] = outer.replace("requireAuth, ", "")
    assert len(found(files, "routes/items.js")) == 1
