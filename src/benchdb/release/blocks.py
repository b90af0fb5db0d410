"""YAML with selectors at the ends of its lines, which no library writes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchdb.release.documents import scalar

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Written:
    """A text as YAML writes it, and the selector of its line; mostly none."""

    text: str
    selector: str = ""


def lines_of(value: Any, indent: int = 0) -> Iterator[str]:
    """Yield the lines of a section, as YAML."""
    pad = " " * indent
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _entry(f"{pad}{scalar(str(key))}:", item, indent)
        return
    for item in value:
        if isinstance(item, Written):
            yield from _entry(f"{pad}-", item, indent)
        else:
            inner = list(lines_of(item, indent + 2)) or [f"{pad}  {json.dumps(item)}"]
            yield f"{pad}- {inner[0].lstrip()}"
            yield from inner[1:]


def _entry(head: str, item: Any, indent: int) -> Iterator[str]:
    if isinstance(item, Written):
        first, *others = item.text.split("\n")
        yield f"{head} {first}" + (f"  # [{item.selector}]" if item.selector else "")
        yield from (f"{' ' * indent}{line}" if line else "" for line in others)
    elif not item:
        yield f"{head} {json.dumps(item)}"
    else:
        yield head
        yield from lines_of(item, indent if isinstance(item, list) else indent + 2)
