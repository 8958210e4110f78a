"""How Java names things, and what web frameworks hand to methods."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from rlm_gate import kept
from rlm_gate.detectors._taint import proofs
from rlm_gate.detectors._taint.braces import Braces
from rlm_gate.detectors._taint.folding import first, named
from rlm_gate.detectors._taint.handlers import remote
from rlm_gate.detectors._taint.reading import Env, Frame, Function
from rlm_gate.detectors._taint.terms import TERMS
from rlm_gate.detectors._taint.values import ALL, ONE_PART, Value, joined
from rlm_gate.syntax import Node

_PACKAGE: Final = kept.expression(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*\Z")
HANDLED: Final = kept.expression(
    r"@(?:Request|Get|Post|Put|Delete|Patch)Mapping\b|@(?:GET|POST|PUT|DELETE|PATCH|HEAD)\b"
    r"|@(?:Get|Post|Put|Delete|Patch|OnMessage)\b|@(?:Query|Mutation|Schema|Message)Mapping\b"
)
INPUT: Final = kept.expression(
    r"@(?:RequestParam|PathVariable|RequestBody|RequestHeader|CookieValue|QueryParam|PathParam"
    r"|FormParam|HeaderParam|MatrixVariable|ModelAttribute|RequestPart|MatrixParam|CookieParam"
    r"|BeanParam|FormDataParam|QueryValue|Body|Header|Part|RequestBean|Rest(?:Query|Path|Form|Header"
    r"|Cookie|Matrix)|MultipartForm|Argument|InputArgument|GraphQLArgument|Payload"
    r"|DestinationVariable)\b"
)
_TEXTS: Final = kept.expression(
    r"(?:String|MultipartFile|Object|byte|Map|Multi[vV]alue(?:d)?Map|MultivaluedMap|List|JSONObject"
    r"|JsonObject|JsonNode|ObjectNode|InputStream|Reader|CharSequence)\b"
)
_SCALAR: Final = kept.expression(
    r"@(?:RequestParam|PathVariable|RequestHeader|CookieValue|QueryParam|PathParam|FormParam"
    r"|HeaderParam|MatrixVariable|MatrixParam|CookieParam|QueryValue|Header"
    r"|Rest(?:Query|Path|Form|Header|Cookie|Matrix))\b"
)
# types of parameters that hold a text as it was sent: all others are converted
_CARRIES: Final = kept.expression(
    r"\b(?:String|CharSequence|Object|byte|Part|URI|URL|Path|File|InputStream|Reader|T)\b"
    r"|\b(?:Map|List|Set|Collection|Optional|Multi[vV]alued?Map)\Z"
    r"|(?:MultipartFile|Upload|Part|Headers|Disposition|Form|D[tT][oO]|Body|Data)\b|\bJson"
)
# what Spring fills from the fields of a form, without an annotation
_FORM: Final = kept.expression(
    r"[A-Z]\w*(?:D[tT][oO]|Form|Query|Filter|Command|Criteria|Params?|V[oO]|Input|Req)\Z"
)
_SPRING: Final = kept.expression(r"@(?:Request|Get|Post|Put|Delete|Patch)Mapping\b")
# a service of gRPC: the message, and where its answers go
_ANSWERED: Final = kept.expression(r"\bStreamObserver\b")
_PLAIN: Final = kept.expression(
    r"(?:int|long|short|double|float|boolean|char|Integer|Long|Short|Double|Float|Boolean|UUID"
    r"|BigDecimal|BigInteger|Instant|Duration|LocalDate\w*|\w*(?:Enum|Type)\Z|Model|ModelMap|BindingResult|Principal|HttpSession|Pageable)\b"
)
_IN_PATH: Final = kept.expression(
    r"@(?:PathParam|PathVariable)\b(?:\s*\(\s*(?:(?:name|value)\s*=\s*)?\"(?P<key>[^\"]*)\")?"
)
# What a pattern may consist of to let through neither a slash nor two dots.
_NARROW: Final = kept.expression(r"(?:[\w|()?*+-]|\\\\[dw]|\[(?:[\w-]|\\\\[dw-])+\]|\{[\d,]*\})+")
# an entity of anything else is answered as JSON
_ENTITY: Final = r"ResponseEntity(?:\s*<\s*(?:\?|String|Object|CharSequence)\s*>)?"
_PAGES: Final = kept.expression(
    rf"\b(?:String|Object|ModelAndView|{_ENTITY}|(?:Mono|Callable|CompletableFuture|DeferredResult)"
    rf"\s*<\s*(?:String|{_ENTITY})\s*>)\s+\w+\s*\("
)
_BODY: Final = kept.expression(r"@(?:RestController|ResponseBody)\b")
_PAGE: Final = kept.expression(r"@Produces\([^)]*(?:TEXT_HTML|text/html)")
_TYPED: Final = kept.expression(r"produces\s*=[^)]*(?:json|plain|xml|JSON|PLAIN|XML|octet)")


class Java(Braces):
    """Reads Java. Types are known by their last name: packages are left out."""

    def named(self, owner: str, field: str) -> str:
        """Leave packages out: ``java.io.File`` is ``File``."""
        if field[:1].isupper() and _PACKAGE.match(owner):
            return field
        return super().named(owner, field)

    def entered(self, function: Function) -> tuple[Env, Frame]:
        """Let what a stranger sends be known for it: by annotation, or by a handler's parameter."""
        node = function.node
        head = _annotations(node)
        handler = HANDLED.search(head) is not None
        form = _SPRING.search(head) is not None
        served = _ANSWERED.search(head) is not None
        env: Env = {}
        for name, parameter in self.parameters(node):
            if name:
                value = self._parameter(name, parameter, handler=handler)
                if not value.name or (value.name == name and not value.taints and not value.fixed):
                    value = self._sent(name, parameter, form=form, served=served and not env)
                value = _as_routed(value, name, parameter.text(), head)
                env[name] = value if handler or _is_routed(node, head) else value.unseen()
        answers = _answers(head, function.modifiers) if handler else ()
        return env, Frame(text=node.text(), answers=answers)

    def _parameter(self, name: str, node: Node, *, handler: bool) -> Value:
        kind = node.field("type")
        written = _simple(kind.text()) if kind is not None else ""
        if typed := self.reading.words.data["types"].get(written):
            return Value(name=typed)
        if _PLAIN.match(written):
            return Value(name=name, fixed=True)
        if INPUT.search(node.text()) or (handler and _TEXTS.match(written)):
            written = kind.text() if kind is not None else "String"
            if _SCALAR.search(node.text()) and not _CARRIES.search(written):
                return Value(name=name, fixed=True)  # an enumeration, or a number
            one_part = "@PathVariable" in node.text()  # containers refuse a slash in it
            return remote(node, name).doubted(ONE_PART if one_part else frozenset())
        return Value(name=name)

    def _sent(self, name: str, node: Node, *, form: bool, served: bool) -> Value:
        """Return an object that a framework fills from what a stranger sends, by its type."""
        kind = node.field("type")
        if kind is None:
            return Value(name=name)
        written = _simple(kind.text())
        bare = not node.text().startswith(("@", "final @"))
        if (form and bare and _FORM.match(written)) or (served and written != "StreamObserver"):
            return remote(node, name)
        return Value(name=name)

    def declarator(self, node: Node, env: Env) -> None:
        """Name a variable by its type where that says more than its value."""
        super().declarator(node, env)
        parent, target = node.parent(), node.field("name")
        kind = parent.field("type") if parent is not None else None
        if kind is None or target is None or target.text() not in env:
            return
        typed = self.reading.words.data["types"].get(_simple(kind.text()))
        value = env[target.text()]
        if typed and not value.tainted:
            env[target.text()] = Value(name=typed)

    def typed(self, node: Node) -> str:
        """Return the name that the type of a loop's variable gives it."""
        kind = node.field("type")
        written = _simple(kind.text()) if kind is not None else ""
        return str(self.reading.words.data["types"].get(written, ""))

    def _chosen(self, node: Node, env: Env) -> Value:
        """Return what one of the arms of a switch gives; what is thrown is no value of it."""
        held, body = node.field("condition"), node.field("body")
        asked = first(held) if held is not None else None
        known = proofs.chosen(self, asked, env) if self.value(asked, env).tainted else env
        arms = named(body) if body is not None else []
        return joined([one for arm in arms for one in self._arm(arm, env, dict(known))])

    def _arm(self, arm: Node, env: Env, known: Env) -> Iterator[Value]:
        parts = named(arm)
        inner = known if named(parts[0]) else env  # where it is one of the author's constants
        if parts[-1].kind() == "expression_statement":
            yield self.value(first(parts[-1]), inner)
        for given in parts[-1].find_all(kind="yield_statement"):
            yield self.value(first(given), inner)

    def _called(self, function: Node, env: Env) -> Value:
        """Name a constructor by its type."""
        del env
        return Value(name=_simple(function.text()))


def _is_routed(method: Node, head: str) -> bool:
    """Say whether a route may lead to a method that names none: an interface may, or a class."""
    marks = next((one.text() for one in method.children() if one.kind() == "modifiers"), "")
    if "@" in marks or _ANSWERED.search(head):
        return True
    around = next((one for one in method.ancestors() if one.kind() == "class_declaration"), None)
    return around is None or bool(around.field("interfaces") or around.field("superclass"))


def _annotations(function: Node) -> str:
    body = function.field("body")
    return function.text().removesuffix(body.text() if body is not None else "")


def _as_routed(value: Value, name: str, parameter: str, annotations: str) -> Value:
    """Return the value as the path lets it be: ``@Path("{id: [a-z0-9]+}")`` lets no harm pass."""
    if not value.taints or not (asked := _IN_PATH.search(parameter)):
        return value
    key = re.escape(asked["key"] or name)
    hole = re.search(rf"\{{\s*{key}\s*(?::(?P<shape>(?:[^{{}}]|\{{[\d,]*\}})*))?\}}", annotations)
    if hole and hole["shape"]:
        return value.cleaned({ALL}) if _NARROW.fullmatch(hole["shape"].strip()) else value
    return value if value.taints[0].doubtful("path") else value.doubted(frozenset({"path"}))


def _simple(written: str) -> str:
    """Return a type without its package, arguments and brackets."""
    return re.sub(r"<.*|\[.*|\s", "", written, flags=re.DOTALL).rpartition(".")[2]


def _answers(head: str, class_head: str) -> tuple[str, ...]:
    """Return what the value a handler returns is: a page, or the name of a view."""
    text = _PAGES.search(head)
    if _PAGE.search(head) or (_PAGE.search(class_head) and "@Produces" not in head):
        return ("html",) if text else ()
    if _BODY.search(head) or _BODY.search(class_head):
        return ("html",) if text and not _TYPED.search(head) else ()
    return ("view",) if text else ()


Java.terms = {**TERMS, "switch_expression": "_chosen"}
READER = Java
