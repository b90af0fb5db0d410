"""YAML files: those that users write are read so that what is wrong with one is said in a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchdb.errors import UserError, reason

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def read_mapping(path: Path) -> dict[str, Any]:
    """Return the mapping that a YAML file holds; an empty file is an empty one.

    Raises
    ------
    UserError
        If it can't be read, or holds something else.
    """
    try:
        import yaml
    except ImportError:
        raise UserError(
            "YAML files need PyYAML, which is not installed here: pip install 'benchdb[coiled]'"
        ) from None
    try:
        held = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} can't be read: {reason(error)}") from error
    except yaml.YAMLError as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        where = "anywhere" if line is None else f"in line {line + 1}"
        what = getattr(error, "problem", None) or "it holds other characters"
        raise UserError(f"{path} is no YAML {where}: {what}") from error
    if held is None:
        return {}
    if not isinstance(held, dict) or not all(isinstance(key, str) for key in held):
        raise UserError(f"{path} must hold names with values, as in `name: value`")
    return held


def written(mapping: Mapping[str, Any]) -> str:
    """Return a mapping of plain values as YAML, in its own order."""
    import yaml

    text: str = yaml.safe_dump(mapping, sort_keys=False, allow_unicode=True)
    return text
