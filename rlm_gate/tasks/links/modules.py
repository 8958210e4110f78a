"""Which file an import means: Python's modules, packages of npm with relative paths, Go's modules.

What a bundler, an interpreter's path or a build tag would change is not known here; see
docs/tasks.md.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rlm_gate.tasks.links.facts import DEFINES, PACKAGE, Fact
from rlm_gate.tasks.links.literals import JAVASCRIPT
from rlm_gate.tasks.links.reading import File

Place = tuple[str, str]
"""A repository's label and a path in it; of a package of Go, its folder with a slash."""

_PRIVATE = frozenset({"benchmarks", "docs", "examples", "scripts", "test", "tests", "tools"})
_ROOTS = ("", "src", "lib", "python")
_MANIFESTS = ("pyproject.toml", "setup.py", "setup.cfg")
_ENDINGS = (".ts", ".tsx", ".d.ts", ".js", ".jsx", ".mjs", ".cjs", ".mts", ".cts", ".svelte")
_ENDINGS_MORE = (".vue", ".json")
_ENTRIES = ("src/index", "index", "src/lib/index", "lib/index", "src/main", "main")


@dataclass(frozen=True, slots=True)
class Target:
    """What an import means: where, and which names of it (empty: the module itself)."""

    place: Place
    names: tuple[str, ...] = ()


@dataclass(slots=True)
class Modules:
    """The modules of all repositories."""

    paths: Mapping[str, frozenset[str]]
    packages: Mapping[Place, Sequence[Fact]]
    python: dict[str, dict[str, str]] = field(default_factory=dict)
    public: dict[str, dict[str, str]] = field(default_factory=dict)
    npm: list[tuple[str, Place]] = field(default_factory=list)
    go: list[tuple[str, Place]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for repo, paths in self.paths.items():
            self.python[repo], self.public[repo] = _python_modules(paths)
        for (repo, path), facts in sorted(self.packages.items()):
            for fact in facts:
                if fact.kind == PACKAGE and fact.role == DEFINES:
                    ecosystem, _, name = fact.name.partition(":")
                    place = (repo, posixpath.dirname(path))
                    {"npm": self.npm, "go": self.go}.get(ecosystem, []).append((name, place))

    def targets(self, file: File, fact: Fact) -> Iterator[Target]:
        """Yield what an import of the file means; nothing if it is of another place than these."""
        if file.language == "python":
            yield from self._python(file, fact)
        elif file.language in JAVASCRIPT:
            place = self._javascript(file, fact.name)
            if place:
                yield Target(place, fact.names)
        elif file.language == "go":
            place = self._go(file, fact.name)
            if place:
                yield Target(place)

    def _python(self, file: File, fact: Fact) -> Iterator[Target]:
        name = _absolute(file.path, fact.name)
        if name is None:
            return
        for repo, known in self._searched(file, relative=fact.name.startswith(".")):
            module = _longest(name, known)
            if module is None:
                continue
            here: list[str] = []
            for taken in fact.names if module == name else ():
                inner = known.get(f"{module}.{taken}" if module else taken)
                if inner:
                    yield Target((repo, inner))
                else:
                    here.append(taken)
            if here or not fact.names or module != name:
                yield Target((repo, known[module]), tuple(here))
            return

    def _searched(self, file: File, *, relative: bool) -> Iterator[tuple[str, Mapping[str, str]]]:
        """Yield where to look, in order: the file's folder, its repository, the others."""
        own = self.paths[file.repo]
        if relative:
            yield file.repo, _by_path(own)
            return
        yield file.repo, self.python[file.repo]
        yield file.repo, _beside(file.path, own)
        for repo, known in self.public.items():
            if repo != file.repo:
                yield repo, known

    def _javascript(self, file: File, name: str) -> Place | None:
        folder = posixpath.dirname(file.path)
        if name.startswith("."):
            return self._file(file.repo, posixpath.normpath(posixpath.join(folder, name)))
        if name.startswith("$lib"):
            inside = file.path.partition("src/")[0] + "src/lib" + name.removeprefix("$lib")
            return self._file(file.repo, inside)
        fitting = [one for one in self.npm if name == one[0] or name.startswith(f"{one[0]}/")]
        if not fitting:
            return None
        package, (repo, root) = max(fitting, key=lambda one: (len(one[0]), one[1][0] == file.repo))
        rest = name.removeprefix(package).lstrip("/")
        starts = [rest, f"src/{rest}", f"src/lib/{rest}", f"lib/{rest}"] if rest else _ENTRIES
        found = (self._file(repo, posixpath.join(root, start)) for start in starts)
        return next((place for place in found if place), None) or (
            repo,
            posixpath.join(root, "package.json"),
        )

    def _file(self, repo: str, path: str) -> Place | None:
        """Return the file that a path without an ending means, as bundlers look for it."""
        known = self.paths[repo]
        stem, ending = posixpath.splitext(path)
        bare = stem if ending in {".js", ".jsx", ".mjs", ".cjs"} else path
        tried = [path, *(base + one for base in (path, bare) for one in _ENDINGS + _ENDINGS_MORE)]
        tried += [f"{path}/index{one}" for one in _ENDINGS]
        return next(((repo, one) for one in tried if one in known), None)

    def _go(self, file: File, name: str) -> Place | None:
        fitting = [one for one in self.go if name == one[0] or name.startswith(f"{one[0]}/")]
        if not fitting:
            return None
        module, (repo, root) = max(fitting, key=lambda one: (len(one[0]), one[1][0] == file.repo))
        folder = posixpath.join(root, name.removeprefix(module).lstrip("/")).rstrip("/")
        return repo, f"{folder}/" if folder else "./"


def go_package(path: str) -> str:
    """Return the folder that stands for the package of a Go file."""
    folder = posixpath.dirname(path)
    return f"{folder}/" if folder else "./"


def _python_modules(paths: frozenset[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return modules by name: what the repository itself can import, and what others can."""
    own: dict[str, str] = {}
    public: dict[str, str] = {}
    roots = _distribution_roots(paths)
    for path in sorted(paths):
        if not path.endswith((".py", ".pyi")) or _name_in(path, "") is None:
            continue
        root = _root(path, paths)
        name = _name_in(path, root)
        if name:
            own.setdefault(name, path)
            if root in roots and name.partition(".")[0] not in _PRIVATE:
                public.setdefault(name, path)
        for other in sorted(roots, key=len, reverse=True):
            namespace = _name_in(path, other)  # PEP 420: a package without __init__.py
            if namespace and "." in namespace and namespace.partition(".")[0] not in _PRIVATE:
                own.setdefault(namespace, path)
                public.setdefault(namespace, path)
                break
    public.pop("setup", None)
    return own, public


def _distribution_roots(paths: frozenset[str]) -> frozenset[str]:
    bases = {posixpath.dirname(path) for path in paths if posixpath.basename(path) in _MANIFESTS}
    return frozenset(
        posixpath.join(base, one).rstrip("/") for base in {"", *bases} for one in _ROOTS
    )


def _root(path: str, paths: frozenset[str]) -> str:
    """Return the folder that the file's top package lies in."""
    folder = posixpath.dirname(path)
    while folder and (f"{folder}/__init__.py" in paths or f"{folder}/__init__.pyi" in paths):
        folder = posixpath.dirname(folder)
    return folder


def _name_in(path: str, root: str) -> str | None:
    """Return the module's dotted name below the root; None for what can't be imported."""
    if root and not path.startswith(f"{root}/"):
        return None
    parts = posixpath.splitext(path.removeprefix(f"{root}/" if root else ""))[0].split("/")
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts) if all(part.isidentifier() for part in parts) else None


def _absolute(path: str, name: str) -> str | None:
    """Return the name as it would be from the repository's root if it is relative."""
    if not name.startswith("."):
        return name
    rest = name.lstrip(".")
    above = path.split("/")[: -(len(name) - len(rest))]
    if len(path.split("/")) < len(name) - len(rest):
        return None
    return ".".join([*above, *([rest] if rest else [])])


def _by_path(paths: frozenset[str]) -> dict[str, str]:
    """Return modules by their path from the repository's root, which relative imports go by."""
    found: dict[str, str] = {}
    for path in sorted(paths):
        if path.endswith((".py", ".pyi")):
            parts = posixpath.splitext(path)[0].split("/")
            found.setdefault(".".join(parts[:-1] if parts[-1] == "__init__" else parts), path)
    return found


def _beside(path: str, paths: frozenset[str]) -> dict[str, str]:
    """Return the modules in the file's own folder: scripts and tests import them bare."""
    folder = posixpath.dirname(path)
    inside = {one for one in paths if posixpath.dirname(one) == folder}
    found = {_name_in(one, folder): one for one in sorted(inside) if one.endswith(".py")}
    return {name: one for name, one in found.items() if name}


def _longest(name: str, known: Mapping[str, str]) -> str | None:
    """Return the longest known module that the dotted name begins with."""
    while name and name not in known:
        name = name.rpartition(".")[0]
    return name or None
