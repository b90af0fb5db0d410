"""meta.yaml, for ``conda build``, from recipe.yaml.

What was made is read again: it must say on every platform and for every variant what recipe.yaml
does. What meta.yaml can't say is refused by its line.
"""

from __future__ import annotations

import json
import re
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, Final

from benchdb.errors import WrongRecipe
from benchdb.release.blocks import Written, lines_of
from benchdb.release.documents import line_of, parse, scalar
from benchdb.release.expressions import SelectorWords, Words
from benchdb.release.platforms import BARE, PLATFORMS
from benchdb.release.reading import ABOUT, NAMES, read_recipe
from benchdb.release.template import Renderer
from benchdb.release.variants import SUFFIX, selectors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchdb.recipes import Recipe
    from benchdb.release.documents import Document

#: The first line of what was generated.
HEAD: Final = "{# Generated from recipe.yaml by `benchdb release bump`: edit that one. #}"

#: What begins Jinja's expressions, statements and comments in meta.yaml, and not in recipe.yaml.
_JINJA: Final = re.compile(r"\{[{%#]|\{\Z")

#: Entries that a metapackage has, by section, as recipe.yaml calls them and meta.yaml does.
_ENTRIES: Final[dict[str, dict[str, str]]] = {
    "package": {"name": "name", "version": "version"},
    "source": {
        **{name: name for name in ("url", "sha256", "md5", "path", "patches")},
        "git": "git_url",
        "rev": "git_rev",
        "tag": "git_rev",
        "branch": "git_rev",
        "file_name": "fn",
        "target_directory": "folder",
    },
    "build": {name: name for name in ("number", "string", "noarch", "script", "skip")},
    "requirements": {
        "build": "build",
        "host": "host",
        "run": "run",
        "run_constraints": "run_constrained",
    },
    "about": {**ABOUT, **{name: name for name in ("license_family", "license_url")}},
}
_SECTIONS: Final = ("package", "source", "build", "requirements", "tests", "about", "extra")

#: Variants that both files must make alike, and on which platforms.
_VARIANTS: Final[tuple[tuple[dict[str, str | None], tuple[str, ...]], ...]] = (
    (BARE, PLATFORMS),
    ({**dict.fromkeys(BARE, "3.12"), SUFFIX: "a20260102"}, PLATFORMS[:1]),
    ({**dict.fromkeys(BARE, "3.11"), SUFFIX: None}, PLATFORMS[2:3]),
)


def as_meta_yaml(path: Path, text: str) -> str:
    """Return the text of meta.yaml that says what a recipe.yaml does.

    Parameters
    ----------
    path
        Of recipe.yaml, for messages.
    text
        Of recipe.yaml.

    Raises
    ------
    WrongRecipe
        If it says something that no metapackage's does, or that meta.yaml can't say.
    """
    document = parse(path, text, lined=True)
    maker = _Maker(path)
    lines = [HEAD, *maker.settings(document.pop("context", {})), ""]
    document.pop("schema_version", None)
    for name in document:
        if name not in _SECTIONS:
            raise maker.wrong(name, f"`{name}`")
    for name in _SECTIONS:
        if name in document:
            made = maker.section(name, document[name])
            lines += [*lines_of(made), ""] if made else []
    meta = "\n".join(lines).rstrip() + "\n"
    _make_sure(path, text, meta)
    return meta


def _make_sure(path: Path, text: str, meta: str) -> None:
    """Make sure that meta.yaml says what recipe.yaml does."""
    beside = path.with_name(NAMES[1])
    for environ, platforms in _VARIANTS:
        for platform in platforms:
            try:
                wanted = read_recipe(path, environ, platform, text)
            except WrongRecipe:
                continue  # no variant of this one
            where = ", ".join(
                [platform, *(f"{name}={value}" for name, value in environ.items() if value)]
            )
            try:
                different = _difference(wanted, read_recipe(beside, environ, platform, meta))
            except WrongRecipe as error:
                different = str(error)
            if different:
                raise WrongRecipe(
                    f"{path} can't be said in meta.yaml ({where}: {_cut(different)}): "
                    "write it otherwise, or remove meta.yaml"
                )


def _difference(wanted: Recipe, made: Recipe) -> str:
    """Return what differs between two recipes; empty for nothing."""
    made = replace(made, file=wanted.file)
    for field in fields(wanted):
        one, other = getattr(wanted, field.name), getattr(made, field.name)
        if one != other and isinstance(one, tuple):
            (this, that) = (
                ", ".join(str(item) for item in items if item not in others)
                for items, others in ((one, other), (other, one))
            )
            return f"its {field.name} have {this or 'nothing'}, not {that or 'that order'}"
        if one != other:
            return f"its {field.name} is {one!r}, not {other!r}"
    return ""


def _cut(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:199]}…"


class _Maker:
    """Says what recipe.yaml does in the words of meta.yaml."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._renderer = Renderer(path, {}, {}, braces=True)
        self._words = Words(self._wrong_node)
        self._selectors = SelectorWords(self._wrong_node, selectors(PLATFORMS[0], BARE))

    def wrong(self, at: str, what: str) -> WrongRecipe:
        """Return the error of what meta.yaml can't say, where that stands."""
        return self._wrong(line_of(at), what)

    def _wrong(self, line: int, what: str) -> WrongRecipe:
        return WrongRecipe(
            f"{self._path}: line {line}: meta.yaml can't say {what}: "
            "write it otherwise, or remove meta.yaml"
        )

    def _wrong_node(self, node: Any, what: str) -> WrongRecipe:
        return self._wrong(node.lineno, what)

    def settings(self, context: Document) -> Iterator[str]:
        """Yield the statements that set names."""
        for name, value in context.items() if isinstance(context, dict) else ():
            if not isinstance(value, str):
                raise self.wrong(name, f"`{name}`, which is no text")
            # What an expression stands alone in is its value, with no space around it.
            parts = self._renderer.parts(value.strip(), line_of(value)) if "${{" in value else []
            if len(parts) != 1:
                parts = self._parts(value)
            self._selectors.add(name, parts)
            whole = len(parts) == 1
            said = [self._set(part, whole=whole) for part in parts]
            line = f"{{% set {name} = {' ~ '.join(said) or json.dumps('')} %}}"
            yield self._plain(value, line)

    def _set(self, part: Any, *, whole: bool) -> str:
        if isinstance(part, str):
            return json.dumps(part, ensure_ascii=False)
        said = self._words.of(part)
        return said if whole or " " not in said else f"({said})"

    def section(self, name: str, value: Document) -> Any:
        """Return a section of meta.yaml, ready to be written."""
        if name == "tests":
            tests = self._tests(value)
            return {"test": tests} if tests else {}
        if name in _ENTRIES:
            items = value if name == "source" and isinstance(value, list) else [value]
            made = [self._entries(name, one) for one in items]
            value_made: Any = made if isinstance(value, list) else made[0]
        else:
            value_made = self._made(value)
        return {name: value_made} if value_made else {}

    def _entries(self, name: str, section: Document) -> dict[str, Any]:
        if not isinstance(section, dict):
            if section:
                raise self.wrong(_first(section), f"a `{name}` that is no mapping")
            return {}
        known = _ENTRIES[name]
        made: dict[str, Any] = {}
        for key, value in section.items():
            if key not in known or known[key] in made:
                raise self.wrong(key, f"`{name}/{key}`")
            if name == "requirements":
                made[known[key]] = self._made(value if isinstance(value, list) else [value])
            elif key == "skip":
                made |= self._skip(value)
            elif isinstance(value, dict):
                raise self.wrong(key, f"`{name}/{key}` of several entries")
            else:
                made[known[key]] = self._made(value)
        return made

    def _skip(self, value: Document) -> dict[str, Any]:
        conditions = value if isinstance(value, list) else [value]
        said = []
        for one in conditions:
            if not isinstance(one, str):
                raise self.wrong(_first(one), "a condition that is no text")
            if one.lower() == "true":
                return {"skip": Written("true")}
            if one.lower() != "false":
                said.append(self._condition(one))
        return {"skip": Written("true", _joined("or", said))} if said else {}

    def _tests(self, value: Document) -> dict[str, Any]:
        """Return the tests as one: that is all that meta.yaml has."""
        made: dict[str, list[Any]] = {"imports": [], "requires": [], "commands": []}
        for test in value if isinstance(value, list) else [value]:
            if not isinstance(test, dict):
                if test:
                    raise self.wrong(_first(test), "a test that is no mapping")
                continue
            for key, inner in test.items():
                if key == "python" and isinstance(inner, dict):
                    for name, one in inner.items():
                        if name == "imports":
                            made["imports"] += self._list(one)
                        elif name == "pip_check" and str(one).lower() == "true":
                            made["requires"].append(Written("pip"))
                            made["commands"].append(Written("pip check"))
                        elif name != "pip_check" or str(one).lower() != "false":
                            raise self.wrong(name, f"`tests/python/{name}`")
                elif key == "script" and not isinstance(inner, dict):
                    made["commands"] += self._list(inner)
                elif key == "requirements" and isinstance(inner, dict) and set(inner) <= {"run"}:
                    made["requires"] += self._list(inner.get("run", []))
                else:
                    raise self.wrong(key, f"`tests/{key}`")
        return {name: items for name, items in made.items() if items}

    def _list(self, value: Document) -> list[Any]:
        made: list[Any] = self._made(value if isinstance(value, list) else [value])
        return made

    def _made(self, value: Document) -> Any:
        if isinstance(value, dict):
            return {key: self._made(item) for key, item in value.items() if self._may_be_key(key)}
        if isinstance(value, list):
            return [one for item in value for one in self._items(item, [])]
        return self._text(value)

    def _may_be_key(self, key: str) -> bool:
        if "${{" in key or _JINJA.search(key):
            raise self.wrong(key, "a key that is a template")
        return True

    def _items(self, item: Document, conditions: list[str]) -> Iterator[Any]:
        """Yield an item of a list; those under an ``if`` with a selector."""
        if not isinstance(item, dict) or "if" not in item:
            if not conditions:
                yield self._made(item)
            elif isinstance(item, str):
                made = self._text(item)
                if "\n" in made.text or "#" in made.text:
                    raise self.wrong(item, "a choice of such a text")
                yield Written(made.text, _joined("and", conditions))
            else:
                raise self.wrong(_first(item), "a choice of what is no text")
            return
        condition = item["if"]
        if not isinstance(condition, str):
            raise self.wrong(_first(condition), "a condition that is no text")
        holds = self._condition(condition)
        for key, said in (("then", holds), ("else", f"not ({holds})")):
            inner = item.get(key, [])
            for one in inner if isinstance(inner, list) else [inner]:
                yield from self._items(one, [*conditions, said])

    def _condition(self, source: str) -> str:
        said = self._selectors.of(self._renderer.expression(source, line_of(source)))
        if any(one in said for one in "[]#{}\n"):
            raise self.wrong(source, "brackets in a condition")
        return said

    def _parts(self, value: str) -> list[Any]:
        return self._renderer.parts(value, line_of(value)) if "${{" in value else [str(value)]

    def _text(self, value: str) -> Written:
        parts = self._parts(value)
        written = scalar(
            "".join(
                _JINJA.sub(lambda found: f'{{{{ "{found[0]}" }}}}', part)
                if isinstance(part, str)
                else f"{{{{ {self._words.of(part)} }}}}"
                for part in parts
            )
        )
        for line in written.splitlines():
            self._plain(value, line)
        return Written(written)

    def _plain(self, value: str, line: str) -> str:
        """Return a line in which conda-build finds no selector."""
        comment = line.find("#")
        opened = line.find("[", max(comment, 0))
        if opened >= 0 and ((comment >= 0 and line.find("]", opened) > 0) or line.endswith("]")):
            raise self.wrong(value, "such brackets, which are a selector there")
        return line


def _joined(word: str, conditions: list[str]) -> str:
    if len(conditions) == 1:
        return conditions[0]
    return f" {word} ".join(f"({one})" for one in conditions)


def _first(value: Any) -> str:
    """Return the first text in a document."""
    while not isinstance(value, str) and value:
        value = next(iter(value))
    return value or ""
