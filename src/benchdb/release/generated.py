"""meta.yaml, for ``conda build``, from recipe.yaml."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from benchdb.errors import WrongRecipe
from benchdb.release.documents import dumped, parse
from benchdb.release.reading import ABOUT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchdb.release.documents import Document

_HEAD: Final = "{# Generated from recipe.yaml by `benchdb release bump`: edit that one. #}"

_EXPRESSION: Final = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
_QUOTED: Final = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')""")

#: Parts of a v1 recipe that meta.yaml says in other words, or that are no part of a package.
_KNOWN: Final = frozenset(
    {"schema_version", "context", "package", "source", "build", "requirements"}
    | {"tests", "about", "extra"}
)


def as_meta_yaml(path: Path, text: str) -> str:
    """Return the text of meta.yaml that says what a recipe.yaml does.

    Parameters
    ----------
    path
        For messages.
    text
        Of recipe.yaml.

    Raises
    ------
    WrongRecipe
        If it says something that no metapackage's does.
    """
    document = parse(path, text)
    if unknown := sorted(set(document) - _KNOWN):
        raise WrongRecipe(f"{path} has `{unknown[0]}`, which meta.yaml can't say: leave it out")
    lines = [_HEAD, *_settings(path, document.get("context")), ""]
    made: dict[str, Any] = {"package": document.get("package")}
    if "source" in document:
        made["source"] = document["source"]
    made["build"] = document.get("build", {})
    made["requirements"] = _requirements(path, document.get("requirements"))
    if imports := _imports(document.get("tests")):
        made["test"] = {"imports": imports}
    about = document.get("about")
    if isinstance(about, dict):
        made["about"] = {ABOUT[name]: value for name, value in about.items() if name in ABOUT}
    if "extra" in document:
        made["extra"] = document["extra"]
    for name, section in made.items():
        # YAML writes templates as quoted text; conda-build renders them before it reads YAML.
        lines += [*dumped({name: _expressions(section)}).splitlines(), ""]
    return _PLACED.sub(lambda found: f"  # [{found[1]}]", "\n".join(lines).rstrip() + "\n")


#: Where a selector goes: YAML has no way to write a comment.
_PLACED: Final = re.compile(r" @\[([^\[\]]*)\]'?$", re.MULTILINE)


def _settings(path: Path, context: Document | None) -> Iterator[str]:
    for name, value in (context or {}).items() if isinstance(context, dict) else ():
        if not isinstance(value, str):
            raise WrongRecipe(f"{path} sets {name} to no text: give each name of `context` a text")
        parts = _EXPRESSION.split(value)
        said = [
            _converted(part) if index % 2 else json.dumps(part)
            for index, part in enumerate(parts)
            if part or index % 2
        ]
        several = len(said) > 1
        joined = " ~ ".join(f"({one})" if several and " " in one else one for one in said)
        yield f"{{% set {name} = {joined or json.dumps('')} %}}"


def _expressions(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _expressions(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_expressions(item) for item in value]
    return _EXPRESSION.sub(lambda found: f"{{{{ {_converted(found[1])} }}}}", value)


def _converted(expression: str) -> str:
    """Return an expression of recipe.yaml as one of meta.yaml: the environment is `environ`."""
    parts = _QUOTED.split(expression)
    parts[::2] = [
        re.sub(r"\benv(?=[.\[])", "environ", part).replace("default=", "") for part in parts[::2]
    ]
    # YAML may put ' around it, and would double those within.
    parts[1::2] = [part if '"' in part else f'"{part[1:-1]}"' for part in parts[1::2]]
    return "".join(parts)


def _requirements(path: Path, found: Document | None) -> dict[str, Any]:
    if not isinstance(found, dict):
        return {}
    names = {"run_constraints": "run_constrained"}
    return {
        names.get(kind, kind): list(_lines(path, lines if isinstance(lines, list) else [lines]))
        for kind, lines in found.items()
    }


def _lines(path: Path, items: list[Document], condition: str = "") -> Iterator[str]:
    """Yield requirements, those under an ``if`` with a selector."""
    for item in items:
        if isinstance(item, str):
            yield f"{item} @[{condition}]" if condition else item
        elif isinstance(item, dict) and isinstance(item.get("if"), str):
            holds = str(item["if"])
            for key, said in (("then", holds), ("else", f"not ({holds})")):
                lines = item.get(key, [])
                both = f"({condition}) and ({said})" if condition else said
                yield from _lines(path, lines if isinstance(lines, list) else [lines], both)
        else:
            raise WrongRecipe(f"{path} has a requirement that is no text: write one a line")


def _imports(tests: Document | None) -> list[Document]:
    found: list[Document] = []
    for one in tests if isinstance(tests, list) else []:
        python = one.get("python") if isinstance(one, dict) else None
        imports = python.get("imports") if isinstance(python, dict) else None
        found += imports if isinstance(imports, list) else []
    return found
