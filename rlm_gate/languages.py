"""Tell a file's language from its name, else from its shebang. Never looks at the content.

The names are ast-grep's where it has a grammar. What is not known is ``text``.
"""

from __future__ import annotations

import re
from typing import Final

UNKNOWN: Final = "text"

_EXTENSIONS: Final = {
    "bash": "sh bash zsh ksh bats",
    "batch": "bat cmd",
    "c": "c h",
    "clojure": "clj cljs cljc edn",
    "cpp": "cc cpp cxx c++ hh hpp hxx h++ ipp inl cu cuh ino",
    "csharp": "cs csx",
    "css": "css",
    "dart": "dart",
    "dockerfile": "dockerfile containerfile",
    "elixir": "ex exs",
    "erlang": "erl hrl",
    "go": "go",
    "graphql": "graphql gql",
    "groovy": "groovy gradle gvy",
    "haskell": "hs",
    "hcl": "hcl tf tfvars nomad",
    "html": "html htm xhtml",
    "ini": "ini cfg conf properties env editorconfig",
    "java": "java",
    "javascript": "js jsx mjs cjs",
    "json": "json jsonc json5 ipynb geojson webmanifest har sarif",
    "julia": "jl",
    "kotlin": "kt kts",
    "less": "less",
    "lua": "lua",
    "make": "mk mak make",
    "markdown": "md markdown mdx",
    "nix": "nix",
    "objc": "m mm",
    "perl": "pl pm t",
    "php": "php phtml php3 php4 php5 php7 phps",
    "powershell": "ps1 psm1 psd1",
    "protobuf": "proto",
    "python": "py pyi pyw",
    "r": "r",
    "restructuredtext": "rst",
    "ruby": "rb rake gemspec ru podspec",
    "rust": "rs",
    "scala": "scala sc sbt",
    "scss": "scss sass",
    "solidity": "sol",
    "sql": "sql psql ddl dml",
    "svelte": "svelte",
    "swift": "swift",
    "template": "erb rhtml haml slim hbs handlebars mustache twig liquid ejs pug jade j2 jinja"
    " jinja2 njk tmpl gotmpl tpl jsp jspx jspf aspx ascx cshtml",
    "toml": "toml",
    "tsx": "tsx",
    "typescript": "ts mts cts",
    "vue": "vue",
    "xml": "xml xsd xsl xslt svg csproj vbproj fsproj props targets plist pom wsdl",
    "yaml": "yaml yml",
    "zig": "zig",
}
_NAMES: Final = {
    "bash": ".bashrc .bash_profile .profile .zshrc .zshenv .envrc PKGBUILD",
    "dockerfile": "Dockerfile Containerfile",
    "groovy": "Jenkinsfile",
    "ini": ".env .npmrc .pypirc .flake8 .coveragerc .gitconfig .gitmodules .netrc",
    "json": ".babelrc .eslintrc .prettierrc composer.lock Pipfile.lock",
    "make": "Makefile makefile GNUmakefile",
    "python": "SConstruct SConscript wscript",
    "ruby": "Rakefile Gemfile Vagrantfile Podfile Brewfile Guardfile Capfile Fastfile",
    "toml": "Pipfile Cargo.lock poetry.lock uv.lock",
    "xml": "web.config Web.config app.config App.config machine.config applicationHost.config"
    " packages.config nuget.config NuGet.config NuGet.Config",
    "yaml": ".clang-format .clang-tidy .yamllint",
}
_INTERPRETERS: Final = {
    "bash": "sh bash dash zsh ksh ash bats",
    "javascript": "node nodejs",
    "lua": "lua luajit",
    "make": "make",
    "perl": "perl",
    "php": "php",
    "powershell": "pwsh powershell",
    "python": "python pypy uv",
    "r": "Rscript",
    "ruby": "ruby jruby",
    "typescript": "deno bun tsx ts-node",
}
_COMMENTS: Final = {
    "#": "bash dockerfile elixir graphql hcl ini julia make nix perl php powershell python r ruby"
    " template toml yaml text",
    "//": "c cpp csharp dart go groovy hcl java javascript json kotlin less objc php protobuf rust"
    " scala scss solidity svelte swift tsx typescript vue zig",
    "--": "haskell lua sql",
    ";": "clojure ini",
    "%": "erlang",
    "<!--": "html markdown svelte template vue xml",
    "REM ": "batch",
    "::": "batch",
    "..": "restructuredtext",
    "/*": "c cpp csharp css dart go groovy java javascript kotlin less objc php protobuf rust scala"
    " scss solidity sql svelte swift tsx typescript vue",
}


def _inverted(table: dict[str, str]) -> dict[str, str]:
    return {word: language for language, words in table.items() for word in words.split()}


_BY_EXTENSION: Final = _inverted(_EXTENSIONS)
_BY_NAME: Final = _inverted(_NAMES)
_BY_INTERPRETER: Final = _inverted(_INTERPRETERS)
_COVERED: Final = {"typescript": "tsx"}
_SHEBANG: Final = re.compile(r"#!\s*(?:\S*/)?(?:env\s+(?:-\S+\s+|\w+=\S*\s+)*(?:\S*/)?)?([\w+-]+)")

_DIALECTS: Final = {"typescript": "javascript", "tsx": "javascript"}
KNOWN: Final = frozenset(_EXTENSIONS) | {UNKNOWN}
"""Every language a rule may name; ``any`` is not one of them."""

NO_CODE: Final = frozenset(
    {"css", "ini", "json", "less", "markdown", "restructuredtext", "scss", "text", "toml", "xml"}
)
"""Languages of prose, style and data: that few rules read them says little about a repository."""


def language_of(path: str, first_line: str = "") -> str:
    """Return the language of a file; ``first_line`` is asked only where the name tells nothing."""
    name = path.rpartition("/")[2]
    by_name = _BY_NAME.get(name) or _by_prefix(name)
    return by_name or _BY_EXTENSION.get(_extension(name)) or _by_shebang(first_line)


def covers(rule_language: str, file_language: str) -> bool:
    """Say whether a rule for one language applies to files of the other."""
    return (
        rule_language in {"any", file_language} or _COVERED.get(rule_language, "") == file_language
    )


def family(language: str) -> str:
    """Return the language whose vocabulary and reader also serve this one."""
    return _DIALECTS.get(language, language)


def comment_prefixes(language: str) -> tuple[str, ...]:
    """Return what starts a comment in the language, line comments first; () where none is known."""
    return tuple(prefix for prefix, words in _COMMENTS.items() if language in words.split())


def _extension(name: str) -> str:
    stem, dot, extension = name.rpartition(".")
    return extension.lower() if dot and stem else ""


def _by_prefix(name: str) -> str | None:
    """Know Dockerfile.dev and .env.production, whose last part is no extension."""
    if name.startswith(("Dockerfile.", "Containerfile.")):
        return "dockerfile"
    if name.startswith("Makefile."):
        return "make"
    return "ini" if name.startswith(".env.") else None


def _by_shebang(first_line: str) -> str:
    found = _SHEBANG.match(first_line)
    if not found:
        return UNKNOWN
    interpreter = found[1]
    return _BY_INTERPRETER.get(interpreter) or _BY_INTERPRETER.get(
        re.sub(r"[\d.-]+$", "", interpreter), UNKNOWN
    )
