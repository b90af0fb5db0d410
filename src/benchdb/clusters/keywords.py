"""Keywords of clusters in a YAML file: a section for all, one for each group, and an override.

::

    default:                     # for every group
      wait_for_workers: true
    small_cluster:
      n_workers: 10
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, Final

from benchdb.clusters.yaml_files import read_mapping
from benchdb.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

#: The section whose keywords hold for every group.
DEFAULT: Final = "default"


def read_keywords(
    path: Path,
    group: str | None = None,
    *,
    override: Path | None = None,
    known: Collection[str] | None = None,
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
        A section; the section ``default`` alone without one.
    override
        Another file with sections of the same names.
    known
        The keywords that there are; any where it isn't said.

    Raises
    ------
    UserError
        If a file makes no sense, or a section or keyword is unknown.
    """
    sections = _sections(path, known)
    if override is not None:
        for name, changed in _sections(override, known).items():
            if name not in sections and name != DEFAULT:
                raise UserError(
                    f"{override}: {path} has no section {name}{_near(name, sections)}; "
                    "an override changes the sections that there are"
                )
            sections[name] = _joined(sections.get(name, {}), changed)
    if group is not None and group not in sections:
        raise UserError(
            f"{path} has no section {group}{_near(group, sections)}; an empty one takes what "
            f"`{DEFAULT}` says"
        )
    keywords = sections.get(DEFAULT, {})
    return keywords if group is None else _joined(keywords, sections[group])


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


def _sections(path: Path, known: Collection[str] | None) -> dict[str, dict[str, Any]]:
    sections: dict[str, dict[str, Any]] = {}
    for name, held in read_mapping(path).items():
        if held is not None and not isinstance(held, dict):
            raise UserError(
                f"{path}: the section {name} must hold keywords, as in `n_workers: 10` indented "
                "under it"
            )
        sections[name] = held or {}
        if known is not None:
            check_keywords(sections[name], known, f"{path}, section {name}")
    return sections


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
