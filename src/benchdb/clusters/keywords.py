"""Keywords of clusters in a YAML file: a section for all, one for each group, and an override.

::

    default:                     # for every group
      wait_for_workers: true
    small_cluster:
      n_workers: 10
      local: {n_workers: 2}      # where a kind of cluster is named, for that kind alone
"""

from __future__ import annotations

import contextlib
import difflib
import math
from typing import TYPE_CHECKING, Any, Final

from benchdb.clusters.yaml_files import read_mapping
from benchdb.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

#: The section whose keywords hold for every group.
DEFAULT: Final = "default"

#: The kinds of clusters, which a section may hold keywords of.
KINDS: Final = ("local", "address", "coiled")


def read_keywords(
    path: Path,
    group: str | Sequence[str] | None = None,
    *,
    override: Path | None = None,
    others: Collection[str] = (),
    known: Collection[str] | None = None,
    kind: str | None = None,
) -> dict[str, Any]:
    """Return the keywords that a file gives for a group of clusters.

    What the group's section says wins over the section ``default``, and what the override says of
    a section wins over what the file says of it. A mapping (``environ``, ``tags``,
    ``backend_options``) is joined key by key; any other value replaces.

    Parameters
    ----------
    path
        The file.
    group
        A section; of several, what the first says wins over what the others do, and all but the
        last may be missing. The section ``default`` alone without.
    override
        Another file with sections of the same names.
    others
        Names of sections that an override may have though the file has not.
    known
        The keywords that there are; any where it isn't said.
    kind
        Of the cluster, one of `KINDS`. What a section holds under its name wins over what else it
        holds, and what stands under another kind is passed over. Without it, such names are
        keywords as any.

    Raises
    ------
    UserError
        If a file makes no sense, or a section or keyword is unknown.
    """
    sections = _sections(path, known, kind)
    if override is not None:
        for name, changed in _sections(override, known, kind).items():
            if name not in sections and name != DEFAULT and name not in others:
                raise UserError(
                    f"{override}: {path} has no section {name}{_near(name, sections)}; "
                    "an override changes the sections that there are"
                )
            sections[name] = _joined(sections.get(name, {}), changed)
    names = [] if group is None else [group] if isinstance(group, str) else list(group)
    if names and names[-1] not in sections:
        raise UserError(
            f"{path} has no section {names[-1]}{_near(names[-1], sections)}; an empty one takes "
            f"what `{DEFAULT}` says"
        )
    keywords = sections.get(DEFAULT, {})
    for name in reversed(names):
        keywords = _joined(keywords, sections.get(name, {}))
    return keywords


def check_keywords(keywords: Mapping[str, Any], known: Collection[str], where: str) -> None:
    """Hold keywords against those that there are.

    Raises
    ------
    UserError
        For the first that is unknown, with those that are like it.
    """
    for name in keywords:
        if name not in known:
            raise UserError(f"{where}: there is no keyword {name}{_near(name, known)}")


def whole_number(name: str, given: object) -> int:
    """Return the value of a keyword that says how many.

    Raises
    ------
    UserError
        If it is none, or below 1.
    """
    if isinstance(given, bool) or not isinstance(given, int) or given < 1:
        raise UserError(f"{name}: {given!r} is no whole number above 0, such as 2")
    return given


def size(name: str, given: str) -> int:
    """Return the value of a keyword that says how large, such as ``4 GiB``, in bytes.

    Raises
    ------
    UserError
        If it is none.
    """
    from dask.utils import parse_bytes

    try:
        return int(parse_bytes(given))
    except ValueError:
        raise UserError(f"{name}: {given!r} is no size, such as 4GiB") from None


def seconds(name: str, given: object) -> float:
    """Return the value of a keyword that says how long: a number of seconds, or ``2 minutes``.

    Raises
    ------
    UserError
        If it is none, or not above 0.
    """
    from dask.utils import parse_timedelta

    found = math.nan
    if isinstance(given, (str, int, float)) and not isinstance(given, bool):
        with contextlib.suppress(ValueError, KeyError):
            found = float(parse_timedelta(given))
    if not 0 < found < math.inf:
        raise UserError(f"{name}: {given!r} is no time above 0, such as 60 or 2 minutes")
    return found


def _sections(
    path: Path, known: Collection[str] | None, kind: str | None
) -> dict[str, dict[str, Any]]:
    sections: dict[str, dict[str, Any]] = {}
    for name, held in read_mapping(path).items():
        section = _held(path, name, held)
        if kind is not None:
            others = {key: value for key, value in section.items() if key not in KINDS}
            section = _joined(others, _held(path, f"{name}, {kind},", section.get(kind)))
        sections[name] = section
        if known is not None:
            check_keywords(sections[name], known, f"{path}, section {name}")
    return sections


def _held(path: Path, name: str, held: Any) -> dict[str, Any]:
    if held is not None and not isinstance(held, dict):
        raise UserError(
            f"{path}: the section {name} must hold keywords, as in `n_workers: 10` indented "
            "under it"
        )
    return held or {}


def _joined(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    joined = dict(under)
    for name, value in over.items():
        below = joined.get(name)
        both = isinstance(below, dict) and isinstance(value, dict)
        joined[name] = _joined(below, value) if both else value  # type: ignore[arg-type]
    return joined


def _near(given: str, names: Collection[str]) -> str:
    near = difflib.get_close_matches(given, sorted(names), n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else ""
