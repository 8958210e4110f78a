"""Read the prompts, Markdown files beside this module, and fill them in.

A prompt's placeholders are ``$name``; a missing or unknown one is an error, never a blank.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from string import Template

from rlm_gate.core import Rule

_FOLDER = Path(__file__).with_name("prompts")


def prompt(name: str, /, **values: object) -> str:
    """Return the prompt, filled in. Raises KeyError or ValueError if the names differ."""
    template = _template(name)
    unknown = set(values) - set(template.get_identifiers())
    if unknown:
        raise ValueError(f"prompts/{name}.md has no placeholder {', '.join(sorted(unknown))}")
    return template.substitute({key: str(value) for key, value in values.items()})


def names() -> tuple[str, ...]:
    """Return the prompts there are."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.md")))


def questions(rules: tuple[Rule, ...]) -> str:
    """Render the rules' questions, one heading each, in the order given."""
    return "\n\n".join(
        f"## {rule.id}: {rule.title}\n{rule.ask.question.strip()}" for rule in rules if rule.ask
    )


@lru_cache(maxsize=32)
def _template(name: str) -> Template:
    return Template((_FOLDER / f"{name}.md").read_text(encoding="utf-8"))
