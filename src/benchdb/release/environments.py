"""Files that other tools make an environment of, from the pins of a recipe."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from benchdb.errors import WrongRecipe, WrongSetting
from benchdb.release.conda.specs import dependency, is_virtual, match_spec
from benchdb.release.documents import dumped
from benchdb.release.requirements import as_pin

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchdb.recipes import Pin, Recipe

#: What an environment may be written for.
Form: TypeAlias = Literal["conda", "pip", "coiled"]

#: What a nightly channel has of Dask.
UPSTREAM: Final = ("dask", "distributed")

#: What PyPI calls packages that conda calls otherwise.
_ON_PYPI: Final = {
    "dask-core": "dask",
    "distributed-core": "distributed",
    "matplotlib-base": "matplotlib",
    "msgpack-python": "msgpack",
    "pyarrow-core": "pyarrow",
    "pytables": "tables",
    "python-graphviz": "graphviz",
    "python-snappy": "python-snappy",
    "python-xxhash": "xxhash",
    "pytorch": "torch",
}

#: What PyPI has no package of.
_NOT_ON_PYPI: Final = frozenset({"ca-certificates", "nodejs", "openssl", "python"})

_VERSIONS: Final = re.compile(r"(?:(?:==|!=|>=|<=|>|<|~=|=)?\s*[A-Za-z0-9_.+!*-]+\s*(?:,|$))+")


def on_pypi(name: str) -> str | None:
    """Return what PyPI calls a package of conda's; None where it has none."""
    is_no_package = name in _NOT_ON_PYPI or is_virtual(name)
    return None if is_no_package else _ON_PYPI.get(name, name)


def environment(
    recipe: Recipe,
    form: Form,
    channels: Sequence[str],
    *,
    name: str = "",
    upstream: str = "",
    add: Sequence[str] = (),
    without: Sequence[str] = (),
) -> str:
    """Return the text of such a file.

    Parameters
    ----------
    channels
        Of conda, in their order.
    name
        Of the environment; by default the recipe's.
    upstream
        A channel that dask and distributed come from, whatever their version; empty for none.
    add
        Requirements of conda's to add.
    without
        Names of packages to leave out.

    Raises
    ------
    WrongRecipe
        If a package that is to be left out isn't in it, or a pin can't be said to pip.
    WrongSetting
        If what is to be added is no requirement.
    """
    if form == "pip":
        pins = [*_kept(recipe, add, without, upstream), *map(_as_pin, add)]
        lines = dict.fromkeys(_pip_lines(recipe, pins, upstream))
        return "".join(f"{line}\n" for line in lines)
    named = name or recipe.name
    conda = for_conda(recipe, channels, upstream=upstream, add=add, without=without)
    if form == "coiled":
        return dumped({"name": _coiled_name(named), "conda": conda})
    return dumped({"name": named, **conda})


def for_conda(
    recipe: Recipe,
    channels: Sequence[str],
    *,
    upstream: str = "",
    add: Sequence[str] = (),
    without: Sequence[str] = (),
) -> dict[str, Any]:
    """Return ``channels`` and ``dependencies`` of an environment, from what `environment` takes."""
    lines = [
        f"{upstream}::{pin.name}" if upstream and _is_upstream(pin) else dependency(pin)
        for pin in _kept(recipe, add, without, upstream)
    ]
    return {
        "channels": list(dict.fromkeys([*([upstream] if upstream else []), *channels])),
        "dependencies": [*lines, *add],
    }


def _kept(
    recipe: Recipe, add: Sequence[str], without: Sequence[str], upstream: str
) -> tuple[Pin, ...]:
    """Return the pins that are not to be left out; what is added must make sense."""
    for one in add:
        match_spec(one)
    pins = kept_pins(recipe, without)
    if upstream and not any(map(_is_upstream, pins)):
        raise WrongRecipe(f"{recipe.file} pins neither dask nor distributed: leave out --upstream")
    return pins


def _is_upstream(pin: Pin) -> bool:
    """Tell whether a package is of those that a nightly channel has: dask-core is Dask, too."""
    return on_pypi(pin.name) in UPSTREAM


def kept_pins(recipe: Recipe, without: Sequence[str]) -> tuple[Pin, ...]:
    """Return the pins of a recipe but those of some packages.

    Raises
    ------
    WrongRecipe
        If it pins no such package.
    """
    for one in without:
        if recipe.pin(one.lower()) is None:
            raise WrongRecipe(f"{recipe.file} pins no {one!r}: name a package that it does")
    return tuple(pin for pin in recipe.pins if pin.name not in {one.lower() for one in without})


def _coiled_name(name: str) -> str:
    return re.sub(r"[^a-z0-9_/-]", "-", name.lower())


def _pip_lines(recipe: Recipe, pins: Sequence[Pin], upstream: str) -> Iterator[str]:
    for pin in pins:
        name = on_pypi(pin.name)
        if name is None:
            yield f"# {pin}: not a package of PyPI's"
        elif upstream and _is_upstream(pin):
            yield f"{name} @ git+https://github.com/dask/{name}"
        else:
            yield f"{name}{_for_pip(recipe, pin)}"


def _as_pin(written: str) -> Pin:
    """Return what is added, for pip: from where conda would take it is nothing to that."""
    pin = as_pin(written.rpartition("::")[2])
    if pin is None:
        raise WrongSetting(f"pip has no words for {written!r}: write it as 'pytest >=8'")
    return pin


def _for_pip(recipe: Recipe, pin: Pin) -> str:
    """Return the versions of a pin as pip takes them."""
    if not pin.versions or pin.versions == "*":
        return ""
    if pin.build or not _VERSIONS.fullmatch(pin.versions):
        raise WrongRecipe(
            f"{recipe.file} pins {pin}, which pip has no words for: write it with a comma"
        )
    return ",".join(_one_for_pip(part.strip()) for part in pin.versions.split(","))


def _one_for_pip(part: str) -> str:
    if part.startswith(("==", "!=", ">", "<", "~=")):
        return part.replace(" ", "")
    if part.startswith("="):
        return f"=={part[1:].strip().removesuffix('.*')}.*"
    return f"=={part}"
