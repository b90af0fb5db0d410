"""Expressions of recipe.yaml in the words of meta.yaml.

Between braces those are Jinja's, without the filters and functions that conda-build doesn't have;
in selectors they are Python's. What one of them can't say is refused, never said otherwise.
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any, Final

from benchdb.errors import WrongRecipe
from benchdb.release.values import BINARY, METHODS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

_SIGNS: Final = {
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "lteq": "<=",
    "gt": ">",
    "gteq": ">=",
    "in": "in",
    "notin": "not in",
}
_BINARY: Final = dict(zip(BINARY, ("+", "-", "*", "/", "//", "%"), strict=True))

#: Filters that conda-build's Jinja has, too.
_FILTERS: Final = frozenset(
    {
        *("d", "default", "first", "int", "join", "last", "length", "list", "lower", "replace"),
        *("string", "trim", "upper"),
    }
)

#: What needs no brackets around it within another expression.
_WHOLE: Final = frozenset({"Call", "Const", "Dict", "Getitem", "List", "Name", "Tuple"})


class Words:
    """Says Jinja's nodes in the words of meta.yaml.

    Parameters
    ----------
    wrong
        Makes an error of a node, and of what meta.yaml can't say.
    """

    def __init__(self, wrong: Callable[[Any, str], WrongRecipe]) -> None:
        self._wrong = wrong

    def of(self, node: Any) -> str:
        """Return an expression.

        Raises
        ------
        WrongRecipe
            If meta.yaml can't say it.
        """
        kind = type(node).__name__
        if kind in _BINARY:
            return f"{self._part(node.left)} {_BINARY[kind]} {self._part(node.right)}"
        say = getattr(self, f"_{kind.lower()}", None)
        if say is None:
            raise self._wrong(node, f"`{kind.lower()}`")
        said: str = say(node)
        return said

    def _part(self, node: Any) -> str:
        """Return an expression that stands within another."""
        said = self.of(node)
        return said if type(node).__name__ in _WHOLE else f"({said})"

    def _all(self, nodes: Any) -> str:
        return ", ".join(map(self.of, nodes))

    def _const(self, node: Any) -> str:
        # YAML may put ' around it, and would double those within: " it is.
        value = node.value
        return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)

    def _name(self, node: Any) -> str:
        return str(node.name)

    def _list(self, node: Any) -> str:
        return f"[{self._all(node.items)}]"

    def _tuple(self, node: Any) -> str:
        return f"({self._all(node.items)}{',' * (len(node.items) == 1)})"

    def _dict(self, node: Any) -> str:
        items = (f"{self.of(one.key)}: {self.of(one.value)}" for one in node.items)
        return f"{{{', '.join(items)}}}"

    def _and(self, node: Any) -> str:
        return f"{self._part(node.left)} and {self._part(node.right)}"

    def _or(self, node: Any) -> str:
        return f"{self._part(node.left)} or {self._part(node.right)}"

    def _not(self, node: Any) -> str:
        return f"not {self._part(node.node)}"

    def _neg(self, node: Any) -> str:
        return f"-{self._part(node.node)}"

    def _compare(self, node: Any) -> str:
        said = (f" {_SIGNS[one.op]} {self._part(one.expr)}" for one in node.ops)
        return self._part(node.expr) + "".join(said)

    def _concat(self, node: Any) -> str:
        return " ~ ".join(map(self._part, node.nodes))

    def _condexpr(self, node: Any) -> str:
        chosen = f"{self._part(node.expr1)} if {self._part(node.test)}"
        return chosen if node.expr2 is None else f"{chosen} else {self._part(node.expr2)}"

    def _test(self, node: Any) -> str:
        return f"{self._part(node.node)} is {node.name}"

    def _getitem(self, node: Any) -> str:
        if _is_environment(node.node):
            return f"environ[{self.of(node.arg)}]"
        if type(node.arg).__name__ != "Slice":
            return f"{self._part(node.node)}[{self.of(node.arg)}]"
        given = (node.arg.start, node.arg.stop, node.arg.step)
        ends = ["" if one is None else self.of(one) for one in given]
        if not ends[2]:
            ends.pop()
        return f"{self._part(node.node)}[{':'.join(ends)}]"

    def _arguments(self, node: Any) -> str:
        return self._all([*node.args, *(one.value for one in node.kwargs)])

    def _filter(self, node: Any) -> str:
        arguments = self._arguments(node)
        if node.name == "split":  # conda-build's Jinja has the method alone
            return f"{self._part(node.node)}.split({arguments})"
        if node.name not in _FILTERS:
            raise self._wrong(node, f"the filter `{node.name}`")
        return f"{self._part(node.node)} | {node.name}" + (f"({arguments})" if arguments else "")

    def _call(self, node: Any) -> str:
        called = node.node
        kind = type(called).__name__
        if kind == "Getattr" and _is_environment(called.node):
            if called.attr == "exists":
                return f'(environ.get({self._arguments(node)}, "") != "")'
            return f"environ.{called.attr}({self._arguments(node)})"
        if kind == "Getattr" and called.attr in METHODS:
            return f"{self._part(called.node)}.{called.attr}({self._arguments(node)})"
        if kind == "Name" and called.name in ("int", "str"):
            return f"({self._part(node.args[0])} | {'int' if called.name == 'int' else 'string'})"
        raise self._wrong(node, f"the function `{getattr(called, 'name', kind.lower())}`")


class SelectorWords(Words):
    """Says them as selectors, which conda-build evaluates before any name of the recipe is set.

    Parameters
    ----------
    known
        Names that every selector may use.
    """

    def __init__(self, wrong: Callable[[Any, str], WrongRecipe], known: Collection[str]) -> None:
        super().__init__(wrong)
        self._known = known
        self._set: dict[str, str] = {}

    def add(self, name: str, parts: list[Any]) -> None:
        """Let a name that the recipe sets be said by its value, where a selector can say that."""
        said = ""
        if all(isinstance(one, str) for one in parts):
            said = json.dumps("".join(parts), ensure_ascii=False)
        elif len(parts) == 1 and type(parts[0]).__name__ == "Name":
            said = self._set.get(parts[0].name, "")
        elif len(parts) == 1 and type(parts[0]).__name__ == "Call":
            with contextlib.suppress(WrongRecipe):
                said = self.of(parts[0])
        self._set[name] = said

    def _name(self, node: Any) -> str:
        if node.name not in self._set and node.name in self._known:
            return str(node.name)
        said = self._set.get(node.name)
        if not said:
            raise self._wrong(node, f"the name `{node.name}` in a condition")
        return said

    def _list(self, node: Any) -> str:
        return self._tuple(node)  # a bracket would end the selector

    def _getitem(self, node: Any) -> str:
        if _is_environment(node.node):
            return f'environ.get({self.of(node.arg)}, "")'
        raise self._wrong(node, "an item in a condition")

    def _filter(self, node: Any) -> str:
        raise self._wrong(node, f"the filter `{node.name}` in a condition")

    def _concat(self, node: Any) -> str:
        raise self._wrong(node, "`~` in a condition")

    def _test(self, node: Any) -> str:
        raise self._wrong(node, f"`is {node.name}` in a condition")

    def _call(self, node: Any) -> str:
        if type(node.node).__name__ == "Name":
            raise self._wrong(node, f"the function `{node.node.name}` in a condition")
        return super()._call(node)


def _is_environment(node: Any) -> bool:
    """Tell whether it is ``env``, ``environ`` or ``os.environ``."""
    if type(node).__name__ == "Getattr":
        return node.attr == "environ" and getattr(node.node, "name", "") == "os"
    return type(node).__name__ == "Name" and node.name in ("env", "environ")
