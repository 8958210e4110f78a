"""The shapes of rule files and of the configuration, strictly checked. Home of pydantic.

``check`` answers with a validated model or with every mistake at its place in the file. Whether an
engine knows its options, and what only several files show together, is for ``packs`` to say.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
)
from pydantic_core import PydanticCustomError

from rlm_gate import editors, globs, mistakes, wording
from rlm_gate.errors import Problem
from rlm_gate.yamlmarks import Document, Loc

VERSION = 2  # of the schemas and of what is made from them; part of every cache key

Model = TypeVar("Model", bound=BaseModel)
_Member = tuple[str | None, type[BaseModel]]
Level = Literal["critical", "high", "medium", "low", "info"]


def check(model: type[Model], document: Document) -> tuple[Model | None, tuple[Problem, ...]]:
    """Return the validated model and (), or None and every mistake of the document."""
    if not document.whole:
        return None, document.problems
    problems = [*document.problems, *wording.empty_values(document)]
    known = {problem[:3] for problem in problems}
    validated = None
    try:
        validated = model.model_validate(document.data)
    except ValidationError as error:
        further = _schema_problems(model, document, error)
        problems += [problem for problem in further if problem[:3] not in known]
    return (None if problems else validated), tuple(sorted(problems))


def json_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON Schema for editors, without the noise of null defaults and made-up titles."""
    draft = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": draft, **editors.tidied(model.model_json_schema())}


def _checked(mistake: Callable[[str], str]) -> AfterValidator:
    """Make a validator of a function that says what is wrong."""

    def validate(value: str) -> str:
        if wrong := mistake(value):
            raise PydanticCustomError("mistake", "{wrong}", {"wrong": wrong})
        return value

    return AfterValidator(validate)


Regex = Annotated[str, _checked(mistakes.regex)]
Word = Annotated[str, _checked(mistakes.word)]
WordName = Annotated[str, _checked(mistakes.word_name)]
Glob = Annotated[str, _checked(globs.mistake)]
Line = Annotated[str, _checked(mistakes.line), AfterValidator(str.strip)]
Text = Annotated[str, _checked(mistakes.text), AfterValidator(str.strip)]
Code = Annotated[str, _checked(mistakes.text)]
Language = Annotated[str, _checked(mistakes.language)]
RuleLanguage = Annotated[str, _checked(lambda it: "" if it == "any" else mistakes.language(it))]
RuleId = Annotated[str, _checked(mistakes.rule_id)]
Link = Annotated[str, _checked(mistakes.link)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]


class Strict(BaseModel):
    """No unknown keys, no conversions: what is written is what is meant."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class PathsModel(Strict):
    """Globs over the path: the rule applies to included and not excluded files."""

    include: list[Glob] = []
    exclude: list[Glob] = []


class DetectModel(Strict):
    """One detector entry; the engine checks the other keys."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    engine: Line


class FixModel(Strict):
    """One way to mend a finding: what matches becomes ``rewrite``; the engine checks the rest."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    engine: Literal["astgrep", "regex"]
    rewrite: str
    safety: Literal["safe", "unsafe"]
    what: Line


class AskModel(Strict):
    """The question for a model."""

    over: Literal["chunk", "corpus"]
    question: Text


class HelpModel(Strict):
    """What a report tells the author."""

    why: Text
    fix: Text
    links: list[Link] = []


class CodeModel(Strict):
    """An example: a whole file. ``beside`` are the texts of other files of its tree, by path."""

    code: Code
    lang: Language | None = None
    path: Line | None = None
    beside: dict[Line, str] = {}


class ChangeModel(Strict):
    """An example for rules about diffs: a file before and after; what is ``beside`` it stays."""

    before: str
    after: str
    lang: Language | None = None
    path: Line | None = None
    beside: dict[Line, str] = {}


class BadCodeModel(CodeModel):
    """A bad example; ``fixed`` is what the rule's ``fix`` makes of it."""

    fixed: str | None = None


class GoodCodeModel(CodeModel):
    """A good example; ``stopped_by`` claims why the rule does not even look at it."""

    stopped_by: Literal["language", "path", "prefilter"] | None = None


class GoodChangeModel(ChangeModel):
    """A good change; ``stopped_by`` as for a file."""

    stopped_by: Literal["language", "path", "prefilter"] | None = None


def _example_kind(value: Any) -> str | None:
    if isinstance(value, str):
        return "<text>"
    if isinstance(value, Mapping):
        return "<change>" if {"before", "after"} & value.keys() else "<file>"
    return None


_either = Discriminator(
    _example_kind,
    custom_error_type="mistake",
    custom_error_message="code as text, {lang, code} or {lang, before, after} is wanted",
)
Bad = Annotated[
    Annotated[Code, Tag("<text>")]
    | Annotated[BadCodeModel, Tag("<file>")]
    | Annotated[ChangeModel, Tag("<change>")],
    _either,
]
Good = Annotated[
    Annotated[Code, Tag("<text>")]
    | Annotated[GoodCodeModel, Tag("<file>")]
    | Annotated[GoodChangeModel, Tag("<change>")],
    _either,
]
Written = str | CodeModel | ChangeModel


class TestsModel(Strict):
    """The rule's own proof: what it finds, and what it lets pass."""

    __test__ = False  # pytest collects classes by this name

    bad: Annotated[list[Bad], Field(min_length=1)]
    good: Annotated[list[Good], Field(min_length=1)]


class SamplesModel(Strict):
    """The file that ``rules learn --examples`` reads."""

    bad: list[Bad] = []
    good: list[Bad] = []


class RuleModel(Strict):
    """A rule file, docs/rules.md."""

    title: Line
    severity: Level
    supporting: Level | None = None
    precision: Literal["low", "medium", "high"] = "low"
    tags: Annotated[list[Line], Field(max_length=20)] = []
    languages: Annotated[list[RuleLanguage], Field(min_length=1)]
    paths: PathsModel = PathsModel()
    words: Annotated[dict[WordName, Word], Field(min_length=1)] = {}
    detect: Annotated[list[DetectModel], Field(min_length=1)] | None = None
    prefilter: Annotated[list[Regex], Field(min_length=1)] | None = None
    fix: Annotated[list[FixModel], Field(min_length=1)] | None = None
    ask: AskModel | None = None
    verify: Literal["none", "refute"] = "none"
    message: Line
    help: HelpModel
    tests: TestsModel
    aliases: list[RuleId] = []
    yields_to: list[RuleId] = []
    enabled: bool = True


class PriceModel(Strict):
    """Own prices of a model, in USD per million tokens; ``batch`` is a factor on all of them."""

    read: Amount = Field(alias="in")
    out: Amount
    cache_read: Amount | None = None
    cache_write: Amount | None = None
    batch: Amount | None = None


class ModelsModel(Strict):
    """Which models are asked, and what they cost."""

    root: Line | None = None
    sub: Line | None = None
    allowed: Annotated[list[Line], Field(min_length=1)] | None = None
    prices: dict[str, PriceModel] = {}


class BudgetModel(Strict):
    """Limits of one run; what is left out keeps its default."""

    usd: Amount | None = None
    calls: Count | None = None
    tokens: Count | None = None
    turns: Annotated[int, Field(gt=0)] | None = None
    deadline: Seconds | None = None
    cell_timeout: Seconds | None = None
    call_timeout: Seconds | None = None


def _threshold_kind(value: Any) -> str:
    return "<packs>" if isinstance(value, Mapping) else "<all>"


Threshold = Literal[Level, "never"]
Thresholds = Annotated[
    Annotated[Threshold, Tag("<all>")]
    | Annotated[dict[str, Threshold], Field(min_length=1), Tag("<packs>")],
    Discriminator(_threshold_kind),
]


class OverrideModel(Strict):
    """Other rules for some paths."""

    paths: Annotated[list[Glob], Field(min_length=1)]
    ignore: list[Line] = []
    severity: dict[str, Level] = {}
    fail_on: Thresholds | None = None


class SuppressionsModel(Strict):
    """What people may accept, and how."""

    require_reason: bool | None = None
    max_days: Annotated[int, Field(gt=0)] | None = None
    forbid_rules: list[Line] | None = None
    forbid_severities: list[Level] | None = None
    new: Literal["deny", "label", "allow"] | None = None


def _models_kind(value: Any) -> str | None:
    if value == "off":
        return "<off>"
    return "<models>" if isinstance(value, Mapping | BaseModel) else None


def _lockable(name: str) -> str:
    """Check the name of a key that can be locked, one level deep at most."""
    known = {key for key in ConfigModel.model_fields if key not in _NEVER_LOCKED}
    for key, model in _LOCKED_INSIDE.items():
        known |= {f"{key}.{inner}" for inner in model.model_fields}
    return "" if name in known else f"no key to lock: {name!r}; {mistakes.hint(name, known)}"


_NEVER_LOCKED = frozenset({"version", "extends", "lock"})
_LOCKED_INSIDE: Mapping[str, type[BaseModel]] = {
    "models": ModelsModel,
    "budget": BudgetModel,
    "suppressions": SuppressionsModel,
}
LockedKey = Annotated[str, _checked(_lockable)]


class ConfigModel(Strict):
    """The file .rlm-gate.yaml, docs/config.md."""

    version: Literal[1] = 1
    extends: Line | None = None
    lock: Annotated[list[LockedKey], Field(min_length=1)] | None = None
    packs: Annotated[list[Line], Field(min_length=1)] | None = None
    fail_on: Thresholds = "high"
    models: (
        Annotated[
            Annotated[Literal["off"], Tag("<off>")] | Annotated[ModelsModel, Tag("<models>")],
            Discriminator(
                _models_kind,
                custom_error_type="mistake",
                custom_error_message="'off', or a mapping of root, sub, prices, allowed is wanted",
            ),
        ]
        | None
    ) = None
    budget: BudgetModel = BudgetModel()
    exclude: list[Glob] = []
    never_send: list[Glob] = []
    overrides: list[OverrideModel] = []
    suppressions: SuppressionsModel = SuppressionsModel()
    on_inconclusive: Literal["fail", "warn"] | None = None  # "fail", but "warn" on pushes


def _schema_problems(
    model: type[BaseModel], document: Document, error: ValidationError
) -> Iterator[Problem]:
    for mistake in error.errors(include_url=False, include_context=False):
        loc = wording.place(document.data, mistake["loc"])
        text = _explain(model, document, loc, mistake)
        yield document.problem(loc, text, key=mistake["type"] == "extra_forbidden")


def _explain(
    model: type[BaseModel], document: Document, loc: Loc, mistake: Mapping[str, Any]
) -> str:
    match mistake["type"]:
        case "missing":
            return f"{wording.dotted(loc[:-1])}{loc[-1]!r} is missing; add it"
        case "extra_forbidden":
            remedy = _known(model, mistake["loc"])
            return f"{wording.dotted(loc[:-1])}unknown key {loc[-1]!r}; {remedy}"
        case "string_type":
            source = document.sources.get(loc)
            remedy = f'; put it in quotes: "{source}"' if source else ""
            return f"{wording.dotted(loc)}text is wanted{remedy}"
        case "literal_error":
            choices = str(mistake["msg"]).removeprefix("Input should be ").replace("'", "")
            value = wording.shown(mistake["input"])
            return f"{wording.dotted(loc)}{value} is not one of: {choices}"
        case kind:
            text = str(mistake["msg"]).replace("Input should be", "must be")
            return wording.dotted(loc) + wording.EXPLANATIONS.get(kind, text)


def _known(model: type[BaseModel], loc: Sequence[str | int]) -> str:
    """Name the likely key, or all that are known, where ``loc`` ends in an unknown one."""
    members: list[_Member] = [(None, model)]
    for step in loc[:-1]:
        deeper = [
            member
            for _, owner in members
            if step in owner.model_fields
            for member in _members(owner.model_fields[str(step)].annotation)
        ]
        members = deeper or [member for member in members if member[0] == step] or members
    fields = (item for _, owner in members for item in owner.model_fields.items())
    return mistakes.hint(str(loc[-1]), {field.alias or key for key, field in fields})


def _members(annotation: Any, tag: str | None = None) -> Iterator[_Member]:
    """Yield the models that an annotation mentions, with their tags in a union."""
    origin = typing.get_origin(annotation)
    if origin is None and isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield tag, annotation
    tags = [meta.tag for meta in getattr(annotation, "__metadata__", ()) if isinstance(meta, Tag)]
    for argument in typing.get_args(annotation):
        yield from _members(argument, tags[0] if tags else tag)
