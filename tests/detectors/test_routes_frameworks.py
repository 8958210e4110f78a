"""How the engine of routes reads frameworks other than Express, and what asks in their place."""

from __future__ import annotations

import pytest
from builders import corpus, rule, source

from rlm_gate.core import Detect, Finding, Severity
from rlm_gate.detectors import routes

RULE = rule("own/bare", detect=[Detect("routes", {"find": "unguarded"})])


def found(path: str, files: dict[str, str]) -> list[tuple[int, Severity]]:
    tree = corpus(*(source(one, text) for one, text in files.items()))
    judged = [one for one in routes.detect(tree, [RULE]) if isinstance(one, Finding)]
    return [(one.span.start, one.severity) for one in judged if one.span.path == path]


def aspnet(name: str, *methods: str, base: str = "ControllerBase", mark: str = "") -> str:
    inside = "\n".join(methods)
    return f"{mark}\npublic class {name}Controller : {base} {{\n{inside}\n}}\n"


def method(verb: str, name: str, mark: str = "", body: str = "_db.Remove(id);") -> str:
    return f'[Http{verb}("{{id}}")]{mark}\npublic IActionResult {name}(int id) {{ {body} }}'


ASKING = aspnet(
    "Post", method("Put", "Change", "[Authorize]"), method("Delete", "Drop", "[Authorize]")
)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param(aspnet("Tag", method("Delete", "Drop")), 1, id="open"),
        pytest.param(aspnet("Tag", method("Delete", "Drop"), mark="[Authorize]"), 0, id="class"),
        pytest.param(aspnet("Tag", method("Delete", "Drop", "[AllowAnonymous]")), 0, id="meant"),
        pytest.param(aspnet("Tag", method("Delete", "Drop", "[KeyFilter]")), 0, id="unknown"),
        pytest.param(aspnet("Tag", method("Delete", "Drop"), base="Own"), 0, id="base unseen"),
        pytest.param(
            aspnet("Tag", method("Delete", "Drop", body="_db.Remove(id, User.Identity);")),
            0,
            id="the handler asks",
        ),
        pytest.param(aspnet("Tag", method("Post", "Login")), 0, id="login"),
        pytest.param(aspnet("Tag", method("Get", "One")), 0, id="read"),
    ],
)
def test_a_controller_without_authorize_beside_others(text: str, told: int) -> None:
    files = {"C/PostController.cs": ASKING, "C/BookController.cs": ASKING}
    assert len(found("C/TagController.cs", {**files, "C/TagController.cs": text})) == told


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("app.MapControllers();", 1),
        ("app.MapControllers().RequireAuthorization();", 0),
        ("// app.MapControllers().RequireAuthorization();", 1),
        ("options.FallbackPolicy = policy;", 0),
    ],
)
def test_what_an_application_of_aspnet_asks_for_counts(program: str, told: int) -> None:
    files = {"C/PostController.cs": ASKING, "C/BookController.cs": ASKING, "Program.cs": program}
    text = aspnet("Tag", method("Delete", "Drop"))
    assert len(found("C/TagController.cs", {**files, "C/TagController.cs": text})) == told


def nest(name: str, *methods: str, mark: str = "") -> str:
    inside = "\n".join(methods)
    return f"@Controller('{name}')\n{mark}\nexport class {name} {{\n{inside}\n}}\n"


GUARDED = nest(
    "A", "@Delete(':id')\n@UseGuards(JwtGuard)\ndrop(@Param('id') id: string) { this.a.remove(id) }"
)
OPEN = nest("T", "@Delete(':id')\ndrop(@Param('id') id: string) { return this.tags.remove(id) }")


@pytest.mark.parametrize(
    ("text", "module", "told"),
    [
        pytest.param(OPEN, "", 1, id="open"),
        pytest.param(OPEN, "{ provide: APP_GUARD, useClass: JwtGuard }", 0, id="for all"),
        pytest.param(OPEN, "// { provide: APP_GUARD, useClass: JwtGuard }", 1, id="commented out"),
        pytest.param(OPEN.replace("@Controller", "@Auth()\n@Controller"), "", 0, id="of the class"),
        pytest.param(OPEN.replace("@Delete", "@Public()\n@Delete"), "", 0, id="meant"),
        pytest.param(OPEN.replace("@Param('id')", "@CurrentUser()"), "", 0, id="asks"),
    ],
)
def test_a_controller_of_nest_beside_others(text: str, module: str, told: int) -> None:
    files = {f"src/{one}/{one}.controller.ts": GUARDED for one in "ab"}
    files |= {"src/t/t.controller.ts": text, "src/app.module.ts": module}
    assert len(found("src/t/t.controller.ts", files)) == told


RAILS = """class {name}Controller < ApplicationController
{above}
  def update
    @{name}.update(params)
  end
end
"""


@pytest.mark.parametrize(
    ("above", "application", "told"),
    [
        pytest.param("", "", 1, id="open"),
        pytest.param("  before_action :authenticate_user!", "", 0, id="asks"),
        pytest.param("  before_action :authenticate_user!, only: [:create]", "", 1, id="others"),
        pytest.param("  before_action :verify_authenticity_token", "", 1, id="no login"),
        pytest.param("", "  before_action :require_login", 0, id="above"),
        pytest.param("  include Authentication", "", 0, id="included"),
    ],
)
def test_a_controller_of_rails_beside_others(above: str, application: str, told: int) -> None:
    folder = "app/controllers"
    base = f"class ApplicationController < ActionController::Base\n{application}\nend\n"
    asking = RAILS.format(name="Post", above="  before_action :authenticate_user!")
    files = {
        f"{folder}/application_controller.rb": base,
        f"{folder}/posts_controller.rb": asking,
        f"{folder}/books_controller.rb": asking,
        f"{folder}/tags_controller.rb": RAILS.format(name="Tag", above=above),
    }
    assert len(found(f"{folder}/tags_controller.rb", files)) == told


PAGE = """<?php
{above}
include 'db.php';
$db->query("DELETE FROM rooms WHERE id = " . (int) $_POST['id']);
"""
SESSION = "session_start();\nif (!isset($_SESSION['admin_id'])) { header('Location: x'); exit; }"


@pytest.mark.parametrize(
    ("above", "helper", "told"),
    [
        pytest.param("", "<?php $db = new PDO($dsn);", 1, id="open"),
        pytest.param(SESSION, "", 0, id="asks"),
        pytest.param("include 'helper.php';", f"<?php {SESSION}", 0, id="asks by what it includes"),
        pytest.param("include 'helper.php';", "<?php echo $_SESSION['admin_id'];", 1, id="shows"),
        pytest.param("include $header;", "", 0, id="nobody knows"),
    ],
)
def test_a_page_of_php_beside_others(above: str, helper: str, told: int) -> None:
    files = {f"admin/{one}.php": PAGE.format(above=SESSION) for one in ("a", "b")}
    files |= {"admin/drop.php": PAGE.format(above=above), "admin/helper.php": helper}
    files["admin/db.php"] = "<?php"
    assert len(found("admin/drop.php", files)) == told


FASTAPI = """
@router.post("/items")
def create(item: Item, user: User = Depends(get_current_user)):
    return items.add(item)

@router.put("/items/{{number}}")
def change(number: int, user: User = Depends(get_current_user)):
    return items.update(number)

@router.delete("/items/{{number}}")
def drop(number: int{given}):
    return items.delete(number)
"""


@pytest.mark.parametrize(
    ("given", "main", "told"),
    [
        pytest.param(", db: Session = Depends(get_db)", "", 1, id="open"),
        pytest.param(", admin: AdminUser", "", 0, id="asks"),
        pytest.param(", _: ManagerOrAbove", "", 0, id="may ask"),
        pytest.param(
            "", "app.include_router(items.router, dependencies=[Depends(user)])", 0, id="all"
        ),
        pytest.param("", "app.include_router(items.router)", 1, id="included"),
    ],
)
def test_a_function_of_fastapi_beside_others(given: str, main: str, told: int) -> None:
    files = {"app/items.py": FASTAPI.format(given=given), "app/main.py": main}
    assert len(found("app/items.py", files)) == told


def test_an_action_without_the_owners_check_of_the_others_is_grave() -> None:
    text = """class CompaniesController < ActionController::Base
  before_action :authenticate_owner!, only: %i[update inactive]
  before_action :set_company, only: %i[update inactive]
  before_action :check_owner, only: %i[update]
  def update
    @company.update(params)
  end
  def inactive
    @company.inactive!
  end
end
"""
    path = "app/controllers/companies_controller.rb"
    assert found(path, {path: text}) == [(8, Severity.HIGH)]
    assert found(path, {path: text.replace("%i[update]", "%i[update inactive]")}) == []
    assert (
        found(path, {path: text.replace("@company.inactive!", "mine(current_owner).hide!")}) == []
    )


CHAIN = """class Security {
  SecurityFilterChain chain(HttpSecurity http) {
    return http.authorizeHttpRequests(all -> all
        .requestMatchers("/public/**").permitAll()
        .anyRequest().permitAll()
      ).addFilterBefore(filter, UsernamePasswordAuthenticationFilter.class).build();
  }
}
"""
ACTIONS = 'class A {\n  %s@DeleteMapping("/{id}")\n  void drop(int id) {}\n}\n'


@pytest.mark.parametrize(
    ("controller", "chain", "told"),
    [
        pytest.param(ACTIONS % "", CHAIN, [(5, Severity.HIGH)], id="open"),
        pytest.param(ACTIONS % '@PreAuthorize("x") ', CHAIN, [], id="methods ask"),
        pytest.param(ACTIONS % "// @PreAuthorize\n", CHAIN, [(5, Severity.HIGH)], id="no more"),
        pytest.param("class A {}", CHAIN, [], id="nothing to change"),
        pytest.param(ACTIONS % "", CHAIN.replace("permitAll", "hasRole", 1), [], id="some paths"),
        pytest.param(ACTIONS % "", CHAIN.replace("addFilterBefore", "a"), [], id="no login"),
    ],
)
def test_a_chain_of_spring_that_lets_all_pass_is_grave_where_nothing_else_asks(
    controller: str, chain: str, told: list[tuple[int, Severity]]
) -> None:
    files = {"src/main/java/Security.java": chain, "src/main/java/AController.java": controller}
    assert found("src/main/java/Security.java", files) == told


def test_a_role_that_a_registration_takes_from_its_caller_is_grave() -> None:
    given = "Password = Hash(model.Password), Role = Parse(model.Role)"
    body = f"var user = new User {{ {given} }}; _db.Add(user);"
    text = aspnet("Staff", method("Post", "Register", "[AllowAnonymous]", body=body))
    roles = {"User.cs": "enum Roles { Guest, Admin }"}
    told = found("StaffController.cs", {**roles, "StaffController.cs": text})
    assert told == [(4, Severity.HIGH)]
    fixed = text.replace("Parse(model.Role)", "Roles.Guest")
    assert found("StaffController.cs", {"StaffController.cs": fixed}) == []
