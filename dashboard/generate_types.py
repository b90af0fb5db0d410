"""Makes the page's types of the records that it is given: ``generate_types.py [--check]``.

With ``--check`` nothing is written: the exit code is 1 if the types are stale.
"""

from __future__ import annotations

import inspect
import re
import sys
import types
import typing
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Final

from benchdb.dashboard import data

TARGET: Final = Path(__file__).with_name("src") / "types.ts"

_HEAD: Final = """\
// Made by dashboard/generate_types.py of src/benchdb/dashboard/data/, which says what each is.
"""

_PLAIN: Final[dict[Any, str]] = {
    int: "number",
    float: "number",
    str: "string",
    bool: "boolean",
    type(None): "null",
}


def typescript() -> str:
    """Return the module of all types."""
    named = [getattr(data, name) for name in data.__all__]
    classes = [one for one in named if isinstance(one, type)]
    blocks = [_HEAD, f"export const SCHEMA = {data.SCHEMA};\n"]
    blocks += [interface(one) for one in classes]
    return "\n".join(blocks)


def interface(one: type) -> str:
    """Return the interface that is a dataclass to the page."""
    hints = typing.get_type_hints(one, vars(data))
    summary = re.split(r"\n\s*\n", inspect.getdoc(one) or "")[0].replace("\n", " ")
    lines = [f"/** {summary} */", f"export interface {one.__name__} {{"]
    lines += [f"  {field.name}: {of(hints[field.name])};" for field in fields(one)]
    return "\n".join([*lines, "}\n"])


def of(hint: Any) -> str:
    """Return TypeScript's name of a type.

    Raises
    ------
    TypeError
        If it is none that a data file may have.
    """
    if hint in _PLAIN:
        return _PLAIN[hint]
    if isinstance(hint, types.UnionType):
        return " | ".join(of(one) for one in typing.get_args(hint))
    if typing.get_origin(hint) is list:
        (inner,) = typing.get_args(hint)
        shown = of(inner)
        return f"({shown})[]" if " " in shown else f"{shown}[]"
    if is_dataclass(hint) and isinstance(hint, type):
        return hint.__name__
    raise TypeError(f"a data file has no {hint}")


def main() -> int:
    """Write the types, or say whether they are current."""
    made = typescript()
    if "--check" not in sys.argv:
        TARGET.write_text(made, encoding="utf-8")
    elif TARGET.read_text(encoding="utf-8") != made:
        print("dashboard/src/types.ts is stale: run `python dashboard/generate_types.py`")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
