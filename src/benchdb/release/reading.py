"""Reads a recipe, recipe.yaml (v1) or meta.yaml, and renders it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from benchdb.errors import WrongRecipe
from benchdb.recipes import Recipe
from benchdb.release.documents import line_of, parse, read_text
from benchdb.release.libraries import need_libraries
from benchdb.release.requirements import as_pin, joined
from benchdb.release.template import Renderer
from benchdb.release.variants import SUFFIX, selectors, this_platform, variables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from benchdb.recipes import Pin
    from benchdb.release.documents import Document

#: A recipe's files, the one that is the source first.
NAMES: Final = ("recipe.yaml", "meta.yaml")

_TO_BRACKET: Final = re.compile(r"([^\[\]]*)([\[\]])")

_NAME: Final = re.compile(r"[a-z0-9_][a-z0-9_.-]*")
_VERSION: Final = re.compile(r"(?:\d+!)?[0-9][A-Za-z0-9_.+]*")

_NOARCH: Final[tuple[Literal["generic", "python"], ...]] = ("generic", "python")

#: What recipe.yaml calls the entries of `about`, and what meta.yaml does.
ABOUT: Final = {
    "homepage": "home",
    "license": "license",
    "license_file": "license_file",
    "summary": "summary",
    "description": "description",
    "documentation": "doc_url",
    "repository": "dev_url",
}


def find_recipe(given: str) -> Path:
    """Return the file of a recipe: given itself, or by its folder.

    Raises
    ------
    WrongRecipe
        If there is none.
    """
    path = Path(given)
    if path.is_dir():
        for name in NAMES:
            if (path / name).is_file():
                return path / name
        raise WrongRecipe(f"{path} has neither recipe.yaml nor meta.yaml: name a recipe's folder")
    if path.name not in NAMES:
        raise WrongRecipe(f"{path} is no recipe: name a folder with recipe.yaml or meta.yaml")
    return path


def is_recipe(given: str) -> bool:
    """Tell whether a recipe is meant, not a package."""
    path = Path(given)
    return path.name in NAMES or path.is_dir() or "/" in given


def read_recipe(
    path: Path,
    environ: Mapping[str, str | None] | None = None,
    platform: str | None = None,
    text: str | None = None,
) -> Recipe:
    """Return a recipe, rendered.

    Parameters
    ----------
    path
        Of recipe.yaml or meta.yaml.
    environ
        From `benchdb.release.variants.variables`; by default that of this process.
    platform
        Where it is to be installed, for selectors; by default this machine's.
    text
        What the file is to say; by default what it says.

    Raises
    ------
    WrongRecipe
        If it can't be read or rendered, or is no recipe of one package.
    """
    need_libraries()
    environ = variables() if environ is None else environ
    text = read_text(path) if text is None else text
    rendered = _rendered(path, text, environ, platform)
    released = rendered
    if SUFFIX in rendered.read:
        released = _rendered(path, text, {**environ, SUFFIX: None}, platform)
    return _Reader(path, rendered.document).recipe(
        _text(path, released.document, "package", "version"), rendered.read
    )


@dataclass(frozen=True, slots=True)
class _Rendered:
    """The mapping that a recipe is, and the environment variables that changed it."""

    document: dict[str, Document]
    read: dict[str, str]


def _rendered(
    path: Path, text: str, environ: Mapping[str, str | None], platform: str | None
) -> _Rendered:
    """Return a recipe in the words of recipe.yaml, without templates and selectors."""
    given = selectors(platform or this_platform(), environ)
    is_v1 = path.name == "recipe.yaml"
    renderer = Renderer(path, given, environ, braces=is_v1)
    if not is_v1:
        kept = "".join(_selected(text, renderer))
        return _Rendered(_as_v1(path, parse(path, renderer.text(kept))), renderer.read)
    document = parse(path, text, lined=True)
    for unfit in ("outputs", "recipe", "cache"):
        if unfit in document:
            raise _several(path)
    context = document.pop("context", {})
    if not isinstance(context, dict):
        raise WrongRecipe(f"{path} has a `context` that is no mapping: write names and values")
    for name, value in context.items():
        if not isinstance(value, str):
            raise WrongRecipe(f"{path} sets {name} to no text: give each name of `context` a text")
        renderer.scope[name] = renderer.of_context(value, line_of(value))
    made = _walked(document, renderer)
    assert isinstance(made, dict)
    return _Rendered(made, renderer.read)


def _several(path: Path) -> WrongRecipe:
    return WrongRecipe(f"{path} makes several packages: name the recipe of one metapackage")


def _selected(text: str, renderer: Renderer) -> Iterator[str]:
    """Yield the lines of meta.yaml whose selectors hold."""
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        found = None if line.lstrip().startswith("#") else _selector(line.rstrip("\n"))
        if found is None:
            yield line
        elif renderer.condition(found[1], number):
            yield found[0] + "\n"
        else:
            yield "\n"  # messages name lines


def _selector(line: str) -> tuple[str, str] | None:
    """Return a line without its selector, and that: what is in brackets in its comment.

    The comment begins at the first ``#`` after which a bracket is opened; it ends with the last one
    that is closed, after which there are no quotes. No expression: a hostile line must not keep it
    busy for minutes.
    """
    within, closing, after = line.rpartition("]")
    if not closing or any(one in after for one in "[\"'"):
        return None
    for run in _TO_BRACKET.finditer(within):
        start = run[1].find("#")
        if run[2] == "[" and start >= 0:
            return within[: run.start() + start].rstrip(), within[run.end() :]
    return None


def _walked(value: Document, renderer: Renderer) -> Document:
    """Return a document of recipe.yaml with its texts rendered, and without ``if``."""
    if isinstance(value, str):
        return renderer.text(value, line_of(value)) if "${{" in value else str(value)
    if isinstance(value, dict):
        return {key: _walked(item, renderer) for key, item in value.items()}
    items: list[Document] = []
    for item in value:
        if isinstance(item, dict) and "if" in item:
            condition = item["if"]
            holds = isinstance(condition, str) and renderer.condition(condition, line_of(condition))
            chosen = item.get("then" if holds else "else", [])
            chosen = _walked(chosen if isinstance(chosen, list) else [chosen], renderer)
            assert isinstance(chosen, list)
            items += chosen
        else:
            items.append(_walked(item, renderer))
    return items


def _as_v1(path: Path, document: dict[str, Document]) -> dict[str, Document]:
    """Return what meta.yaml says in the words of recipe.yaml."""
    if "outputs" in document:
        raise _several(path)
    made = dict(document)
    requirements = document.get("requirements")
    if isinstance(requirements, dict) and "run_constrained" in requirements:
        made["requirements"] = {
            **requirements,
            "run_constraints": requirements["run_constrained"],
        }
    test = document.get("test")
    if isinstance(test, dict):
        made["tests"] = [{"python": {"imports": test.get("imports") or []}}]
    about = document.get("about")
    if isinstance(about, dict):
        made["about"] = {new: about[old] for new, old in ABOUT.items() if old in about}
    return made


class _Reader:
    """Takes a recipe from its document."""

    def __init__(self, path: Path, document: dict[str, Document]) -> None:
        self._path = path
        self._document = document

    def recipe(self, released: str, read: Mapping[str, str]) -> Recipe:
        """Return the recipe."""
        name = self._text("package", "name").lower()
        version = self._text("package", "version")
        if not _NAME.fullmatch(name):
            raise self._wrong(f"names the package {name!r}", "write lower case, digits, - and _")
        for one in (version, released):
            if not _VERSION.fullmatch(one) or len(one) > 64:
                raise self._wrong(f"has the version {one!r}", "write one as 2026.11.0")
        number = self._text("build", "number", default="0")
        if not number.isdecimal() or len(number) > 9:
            raise self._wrong(f"has the build number {number!r}", "write one as 0")
        build = self._text("build", "string", default="")
        if not re.fullmatch(r"[A-Za-z0-9_.+]{0,64}", build):
            raise self._wrong(f"has the build string {build!r}", "write letters, digits and _")
        return Recipe(
            file=self._path,
            name=name,
            version=version,
            released=released,
            number=int(number),
            build=build,
            noarch=self._noarch(),
            pins=self._joined_pins(),
            constrains=tuple(map(str, self._pins("run_constraints"))),
            imports=tuple(self._imports()),
            about=tuple(self._about()),
            source=self._source(),
            script=self._script(),
            variables=tuple(sorted(read.items())),
        )

    def _wrong(self, what: str, next_: str) -> WrongRecipe:
        return WrongRecipe(f"{self._path} {what}: {next_}")

    def _text(self, *keys: str, default: str | None = None) -> str:
        return _text(self._path, self._document, *keys, default=default)

    def _section(self, name: str) -> dict[str, Any]:
        found = self._document.get(name) or {}
        if not isinstance(found, dict):
            raise self._wrong(f"has a `{name}` that is no mapping", "write names and values")
        return found

    def _pins(self, kind: str) -> Iterator[Pin]:
        for line in self._texts(self._section("requirements").get(kind), f"requirements/{kind}"):
            yield self._pin(line)

    def _joined_pins(self) -> tuple[Pin, ...]:
        """Return one pin for each package that is required, in one line or several."""
        found: dict[str, Pin] = {}
        for pin in self._pins("run"):
            both = joined(found.get(pin.name, pin), pin)
            if both is None:
                raise self._wrong(f"requires {pin.name} twice", "write one line for it")
            found[pin.name] = both
        return tuple(found.values())

    def _pin(self, line: str) -> Pin:
        if "::" in line:
            raise self._wrong(
                f"requires {line[:60]!r} of a channel, which no package can",
                "leave the channel out, and name it with --channel",
            )
        pin = as_pin(line)
        if pin is None:
            raise self._wrong(
                f"has a requirement that is none, {line[:60]!r}", "write it as `dask ==2026.8.0`"
            )
        return pin

    def _texts(self, found: Any, where: str) -> list[str]:
        if found in (None, ""):
            return []
        items = found if isinstance(found, list) else [found]
        if not all(isinstance(one, str) for one in items):
            raise self._wrong(f"has a `{where}` that is no list of texts", "write one text a line")
        return [one for one in items if one.strip()]

    def _noarch(self) -> Literal["generic", "python"] | None:
        given = self._text("build", "noarch", default="")
        for known in _NOARCH:
            if given == known:
                return known
        if given:
            raise self._wrong(f"is noarch: {given[:60]}", "write `noarch: generic`")
        return None

    def _imports(self) -> Iterator[str]:
        tests = self._document.get("tests") or []
        for one in tests if isinstance(tests, list) else [tests]:
            python = one.get("python") if isinstance(one, dict) else None
            if isinstance(python, dict):
                for module in self._texts(python.get("imports"), "imports"):
                    if not re.fullmatch(r"[A-Za-z_][\w.]{0,200}", module):
                        raise self._wrong(f"imports {module[:60]!r}", "write a module's name")
                    yield module

    def _about(self) -> Iterator[tuple[str, str]]:
        section = self._section("about")
        for name in ABOUT:
            value = section.get(name)
            if isinstance(value, str) and value.strip():
                yield name, value.strip()

    def _source(self) -> str | None:
        source: Any = self._document.get("source")
        first = source[0] if isinstance(source, list) and source else source
        url = first.get("url") if isinstance(first, dict) else None
        url = url[0] if isinstance(url, list) and url else url
        return url.strip() if isinstance(url, str) and url.strip() else None

    def _script(self) -> str:
        script = self._section("build").get("script") or ""
        if isinstance(script, dict):  # of rattler-build: `content`, `file`, `env` …
            script = list(script.values())
        return " ".join(map(str, script)) if isinstance(script, list) else script


def _text(
    path: Path, document: Mapping[str, Document], *keys: str, default: str | None = None
) -> str:
    found: Any = document
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    if found in (None, "") and default is not None:
        return default
    if not isinstance(found, str) or not found.strip():
        where = "/".join(keys)
        raise WrongRecipe(f"{path} has no {where} that is a text: write one")
    return found.strip()
