"""YAML of a recipe: every scalar is text, and nothing in it can grow.

1.10 is a version, not the number 1.1; ``no`` is a word. Aliases, by which few lines become
gigabytes, are refused, as are deep nesting and files that no recipe fills.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from benchdb.errors import WrongRecipe, reason

if TYPE_CHECKING:
    from pathlib import Path

#: What a document is made of.
Document: TypeAlias = "str | list[Document] | dict[str, Document]"

#: Bytes of the largest recipe; the longest of conda-forge's have some 50,000.
MOST_BYTES: Final = 262_144


def read_text(path: Path) -> str:
    """Return the text of a recipe.

    Raises
    ------
    WrongRecipe
        If it can't be read, is no text, or is too large.
    """
    try:
        if path.exists() and not path.is_file():  # to open a pipe would wait for who writes
            raise WrongRecipe(f"{path} is no file: name another one")
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise WrongRecipe(f"{path} can't be read ({reason(error)}): name another recipe") from None
    if len(content) > MOST_BYTES:
        raise WrongRecipe(f"{path} is too large for a recipe ({MOST_BYTES:,} bytes): shorten it")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise WrongRecipe(f"{path} is no UTF-8 text: save it so") from None


class _Lined(str):
    """A text that knows on which line of its document it begins."""

    __slots__ = ("line",)
    line: int


def line_of(value: str) -> int:
    """Return on which line of its document a text begins; 1 where that isn't known."""
    return value.line if isinstance(value, _Lined) else 1


def parse(path: Path, text: str, *, lined: bool = False) -> dict[str, Document]:
    """Return the mapping that a YAML text is.

    Parameters
    ----------
    path
        For messages.
    lined
        Whether its texts are to know their lines, for `line_of`.

    Raises
    ------
    WrongRecipe
        If it is no valid YAML, has aliases or tags, names a key twice, or is no mapping.
    """
    import yaml

    class Loader(yaml.BaseLoader):
        """Takes scalars as text, and refuses what can grow."""

        def compose_node(self, parent: Any, index: Any) -> Any:
            event = self.peek_event()  # type: ignore[no-untyped-call]
            if getattr(event, "anchor", None) is not None:
                raise yaml.MarkedYAMLError(
                    problem="anchors and aliases have no place in a recipe",
                    problem_mark=event.start_mark,
                )
            return super().compose_node(parent, index)

        def construct_scalar(self, node: Any) -> Any:
            value = super().construct_scalar(node)
            if not lined:
                return value
            made = _Lined(value)
            # The text of a block begins below its mark.
            made.line = node.start_mark.line + (2 if node.style in ("|", ">") else 1)
            return made

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            seen: set[str] = set()
            for key, _ in node.value:
                name = getattr(key, "value", None)
                if not isinstance(name, str) or name in seen:
                    raise yaml.MarkedYAMLError(
                        problem=f"the key {name!r} stands here twice"
                        if isinstance(name, str)
                        else "a key must be a word",
                        problem_mark=key.start_mark,
                    )
                seen.add(name)
            return super().construct_mapping(node, deep)

    try:
        found = yaml.load(text, Loader)  # noqa: S506 it makes texts, lists and mappings alone
    except RecursionError:
        raise WrongRecipe(f"{path} is nested too deeply: no recipe needs that") from None
    except (yaml.YAMLError, ValueError) as error:
        raise WrongRecipe(f"{path} is no YAML of a recipe ({_said(error)}): mend it") from None
    if not isinstance(found, dict):
        raise WrongRecipe(f"{path} is no recipe: it must begin with keys as `package:`")
    return found


def dumped(document: Any) -> str:
    """Return a document as YAML, in its own order."""
    import yaml

    text: str = yaml.safe_dump(document, sort_keys=False, width=100, allow_unicode=True)
    return text


def scalar(text: str) -> str:
    """Return a text as it stands behind a key: in one line, or as a block, indented by 2."""
    import yaml

    style = "|" if "\n" in text else None
    written: str = yaml.safe_dump([text], width=10**9, allow_unicode=True, default_style=style)
    return written.removeprefix("- ").rstrip("\n")


def _said(error: Exception) -> str:
    problem = getattr(error, "problem", None) or " ".join(str(error).split())
    mark = getattr(error, "problem_mark", None)
    return problem if mark is None else f"line {mark.line + 1}: {problem}"
