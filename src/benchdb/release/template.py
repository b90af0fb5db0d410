"""The templates of recipes: Jinja's grammar, evaluated here over plain values.

Jinja parses; nothing is compiled and no attribute of any object is ever looked up. What there is
are text, numbers, lists, the variables that a recipe sets, a few methods of text, a few filters,
and the environment variables that recipes are given. Everything else is refused by name. Steps and
the size of every value are bounded, so that a hostile recipe ends in one line, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from benchdb.errors import WrongRecipe
from benchdb.release.documents import MOST_BYTES
from benchdb.release.values import (
    BINARY,
    COMPARED,
    FILTERS,
    METHODS,
    MOST_ITEMS,
    as_text,
    is_too_large,
    short,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from benchdb.release.values import Value

_MOST_STEPS: Final = 100_000

#: What stands for a name that nothing has set.
_UNDEFINED: Final = object()


class Renderer:
    """Renders the templates of one recipe; remembers which variables it was given.

    Parameters
    ----------
    path
        For messages.
    given
        Names that it may use, and their values.
    environ
        Environment variables that it may read, those that aren't set as None.
    braces
        Whether expressions stand in ``${{ }}`` and there are no statements, as in recipe.yaml.
    """

    def __init__(
        self,
        path: Path,
        given: Mapping[str, Value],
        environ: Mapping[str, str | None],
        *,
        braces: bool,
    ) -> None:
        self._path = path
        self._environ = environ
        self.scope: dict[str, Value] = dict(given)
        self.read: dict[str, str] = {}
        self._steps = 0
        self._written = 0
        import jinja2

        self._jinja = jinja2
        options: dict[str, Any] = {"keep_trailing_newline": True}
        if braces:
            options |= {"variable_start_string": "${{", "variable_end_string": "}}"}
            # No text has these: there are no statements and comments.
            options |= {"block_start_string": "\0{%", "block_end_string": "%\0}"}
            options |= {"comment_start_string": "\0{#", "comment_end_string": "#\0}"}
        self._parser = self._jinja.Environment(**options)

    def text(self, source: str, line: int = 1) -> str:
        """Return a template, rendered.

        Parameters
        ----------
        line
            Where it begins in the recipe, for messages.

        Raises
        ------
        WrongRecipe
            If it is no template, or asks for what recipes are not given.
        """
        parts: list[str] = []
        self._body(self._parsed(source, line).body, self.scope, parts)
        return "".join(parts)

    def of_context(self, source: str, line: int = 1) -> Value:
        """Return what a name is set to: the value of an expression alone, a list too, else a text.

        Raises
        ------
        WrongRecipe
            As for `text`.
        """
        body = self._parsed(source.strip(), line).body
        nodes: list[Any] = body[0].nodes if len(body) == 1 else []
        if len(nodes) == 1 and type(nodes[0]).__name__ != "TemplateData":
            value: Value = self._value(nodes[0], self.scope)
            if isinstance(value, list):
                return value
        return self.text(source, line)

    def condition(self, source: str, line: int = 1) -> bool:
        """Tell whether an expression holds: that of a selector, or of an ``if``.

        Raises
        ------
        WrongRecipe
            As for `text`.
        """
        return bool(self._value(self.expression(source, line), self.scope))

    def expression(self, source: str, line: int = 1) -> Any:
        """Return an expression that stands alone, as Jinja's node; nothing is evaluated.

        Raises
        ------
        WrongRecipe
            As for `text`.
        """
        start, end = self._parser.variable_start_string, self._parser.variable_end_string
        if start in source or end in source:
            raise self._refused(
                f"line {line}: the condition {short(source)} must be an expression alone"
            )
        tree = self._parsed(f"{start} {source} {end}", line)
        nodes: list[Any] = tree.body[0].nodes if len(tree.body) == 1 else []
        if len(nodes) != 1:
            raise self._refused(f"line {line}: the condition {short(source)} is no expression")
        return nodes[0]

    def parts(self, source: str, line: int = 1) -> list[Any]:
        """Return what a template of recipe.yaml is made of: texts, and Jinja's nodes.

        Raises
        ------
        WrongRecipe
            As for `text`.
        """
        nodes = [one for part in self._parsed(source, line).body for one in part.nodes]
        return [one.data if type(one).__name__ == "TemplateData" else one for one in nodes]

    def _parsed(self, source: str, line: int = 1) -> Any:
        try:
            tree = self._parser.parse(source)
            for node in tree.find_all(self._jinja.nodes.Node):
                node.lineno = (node.lineno or 1) + line - 1  # operands have none
        except self._jinja.TemplateSyntaxError as error:
            raise self._refused(f"line {error.lineno + line - 1}: {error.message}") from None
        except (RecursionError, ValueError):
            why = "an expression is nested too deeply or too long"
            raise self._refused(f"line {line}: {why}" if line > 1 else why) from None
        return tree

    def _refused(self, why: str) -> WrongRecipe:
        said = " ".join(why.split()).rstrip(".")
        return WrongRecipe(f"{self._path} can't be rendered: {said}: change the recipe")

    # -- statements

    def _body(self, nodes: Any, scope: dict[str, Value], parts: list[str]) -> None:
        for node in nodes:
            self._statement(node, scope, parts)
            self._count(node)

    def _statement(self, node: Any, scope: dict[str, Value], parts: list[str]) -> None:
        kind = type(node).__name__
        if kind == "Output":
            self._output(node, scope, parts)
        elif kind == "Assign" and type(node.target).__name__ == "Name":
            scope[node.target.name] = self._value(node.node, scope)
            if len(scope) > MOST_ITEMS:
                raise self._refused(f"line {node.lineno}: too many names are set")
        elif kind == "If":
            for branch in (node, *node.elif_):
                if self._value(branch.test, scope):
                    self._body(branch.body, scope, parts)
                    return
            self._body(node.else_, scope, parts)
        elif kind == "For" and type(node.target).__name__ == "Name" and not node.recursive:
            items = self._value(node.iter, scope)
            if not isinstance(items, list):
                raise self._refused(f"line {node.lineno}: a loop needs a list")
            for item in items:
                self._body(node.body, {**scope, node.target.name: item}, parts)
        else:
            raise self._refused(f"line {node.lineno}: `{kind.lower()}` has no place in a recipe")

    def _output(self, node: Any, scope: dict[str, Value], parts: list[str]) -> None:
        for part in node.nodes:
            if type(part).__name__ == "TemplateData":
                said = part.data
            else:
                value = self._value(part, scope)
                if isinstance(value, (list, dict)) or value is None:
                    raise self._refused(f"line {part.lineno}: {short(value)} is no text")
                said = as_text(value)
            parts.append(said)
            self._written += len(said)
        if self._written > MOST_BYTES:
            raise self._refused("it grows too large")

    # -- expressions

    def _count(self, node: Any) -> None:
        self._steps += 1
        if self._steps > _MOST_STEPS:
            raise self._refused(f"line {node.lineno}: it takes too many steps")

    def _value(self, node: Any, scope: dict[str, Value]) -> Any:
        self._count(node)
        try:
            value = self._evaluated(node, scope)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise self._refused(f"line {node.lineno}: {type(error).__name__}: {error}") from None
        except RecursionError:
            raise self._refused(f"line {node.lineno}: it is nested too deeply") from None
        if value is _UNDEFINED:
            raise self._refused(f"line {node.lineno}: nothing sets {node.name!r}")
        return self._bounded(node, value)

    def _bounded(self, node: Any, value: Any) -> Any:
        if is_too_large(value):
            raise self._refused(f"line {node.lineno}: a value is too large")
        return value

    def _evaluated(self, node: Any, scope: dict[str, Value]) -> Any:
        kind = type(node).__name__
        if kind in BINARY:
            return self._binary(node, kind, scope)
        evaluate = getattr(self, f"_{kind.lower()}", None)
        if evaluate is None or kind not in _EXPRESSIONS:
            raise self._refused(f"line {node.lineno}: `{kind.lower()}` has no place in a recipe")
        return evaluate(node, scope)

    def _const(self, node: Any, _: dict[str, Value]) -> Any:
        return node.value

    def _name(self, node: Any, scope: dict[str, Value]) -> Any:
        return scope.get(node.name, _UNDEFINED)

    def _list(self, node: Any, scope: dict[str, Value]) -> Any:
        return [self._value(item, scope) for item in node.items]

    _tuple = _list

    def _dict(self, node: Any, scope: dict[str, Value]) -> Any:
        return {
            str(self._value(item.key, scope)): self._value(item.value, scope) for item in node.items
        }

    def _binary(self, node: Any, kind: str, scope: dict[str, Value]) -> Any:
        one, two = self._value(node.left, scope), self._value(node.right, scope)
        numbers = isinstance(one, (int, float)) and isinstance(two, (int, float))
        if not numbers and (kind != "Add" or type(one) is not type(two)):
            raise TypeError(f"{short(one)} and {short(two)} can't be reckoned with")
        return BINARY[kind](one, two)

    def _concat(self, node: Any, scope: dict[str, Value]) -> Any:
        return "".join(as_text(self._value(one, scope)) for one in node.nodes)

    def _not(self, node: Any, scope: dict[str, Value]) -> Any:
        return not self._value(node.node, scope)

    def _neg(self, node: Any, scope: dict[str, Value]) -> Any:
        return -self._value(node.node, scope)

    def _and(self, node: Any, scope: dict[str, Value]) -> Any:
        return self._value(node.left, scope) and self._value(node.right, scope)

    def _or(self, node: Any, scope: dict[str, Value]) -> Any:
        return self._value(node.left, scope) or self._value(node.right, scope)

    def _compare(self, node: Any, scope: dict[str, Value]) -> Any:
        left = self._value(node.expr, scope)
        for operand in node.ops:
            right = self._value(operand.expr, scope)
            if not COMPARED[operand.op](left, right):
                return False
            left = right
        return True

    def _condexpr(self, node: Any, scope: dict[str, Value]) -> Any:
        if self._value(node.test, scope):
            return self._value(node.expr1, scope)
        return self._value(node.expr2, scope) if node.expr2 is not None else ""

    def _test(self, node: Any, scope: dict[str, Value]) -> Any:
        if node.name in ("defined", "undefined") and type(node.node).__name__ == "Name":
            return (node.node.name in scope) is (node.name == "defined")
        raise self._refused(f"line {node.lineno}: the test {node.name!r} has no place in a recipe")

    def _getitem(self, node: Any, scope: dict[str, Value]) -> Any:
        if self._is_environment(node.node):
            return self._variable(node, self._value(node.arg, scope))
        value = self._value(node.node, scope)
        if type(node.arg).__name__ != "Slice":
            return value[self._value(node.arg, scope)]
        start, stop, step = (
            None if one is None else self._value(one, scope)
            for one in (node.arg.start, node.arg.stop, node.arg.step)
        )
        return value[start:stop:step]

    def _filter(self, node: Any, scope: dict[str, Value]) -> Any:
        if node.node is None:
            raise self._refused(f"line {node.lineno}: `filter` has no place in a recipe")
        arguments, named = self._arguments(node, scope)
        if node.name in ("default", "d"):
            unset = type(node.node).__name__ == "Name" and node.node.name not in scope
            value = "" if unset else self._value(node.node, scope)
            replaces = unset or (not value and (arguments[1:] or [False])[0])
            return (arguments or [""])[0] if replaces else value
        if node.name not in FILTERS:
            why = f"the filter {node.name!r} has no place in a recipe"
            raise self._refused(f"line {node.lineno}: {why}")
        return FILTERS[node.name](self._value(node.node, scope), *arguments, **named)

    def _arguments(self, node: Any, scope: dict[str, Value]) -> tuple[list[Any], dict[str, Any]]:
        if node.dyn_args is not None or node.dyn_kwargs is not None:
            raise self._refused(f"line {node.lineno}: `*` has no place in a call of a recipe")
        arguments = [self._value(one, scope) for one in node.args]
        return arguments, {one.key: self._value(one.value, scope) for one in node.kwargs}

    def _call(self, node: Any, scope: dict[str, Value]) -> Any:
        called = node.node
        kind = type(called).__name__
        arguments, named = self._arguments(node, scope)
        if kind == "Getattr" and self._is_environment(called.node):
            return self._asked(called, arguments, named)
        if kind == "Getattr" and called.attr in METHODS:
            value = self._value(called.node, scope)
            if not isinstance(value, str) or named:
                raise TypeError(f"{called.attr} is a method of text")
            return getattr(value, called.attr)(*arguments)
        if kind == "Name" and called.name in ("int", "str"):
            return (int if called.name == "int" else as_text)(*arguments)
        if kind == "Getattr":
            return self._getattr(called, scope)
        shown = called.name if kind == "Name" else kind.lower()
        raise self._refused(f"line {node.lineno}: {shown}(…) is no function that recipes have")

    def _getattr(self, node: Any, _: dict[str, Value]) -> Any:
        why = f"the attribute {node.attr!r} is out of a recipe's reach"
        raise self._refused(f"line {node.lineno}: {why}")

    # -- the environment

    def _is_environment(self, node: Any) -> bool:
        """Tell whether it is ``env``, ``environ`` or ``os.environ``."""
        if type(node).__name__ == "Getattr" and node.attr == "environ":
            return type(node.node).__name__ == "Name" and node.node.name == "os"
        return type(node).__name__ == "Name" and node.name in ("env", "environ")

    def _asked(self, node: Any, arguments: list[Any], named: dict[str, Any]) -> Any:
        if node.attr == "exists" and len(arguments) == 1 and not named:
            return self._looked_up(node, arguments[0]) is not None
        default = [*arguments[1:], *([named["default"]] if "default" in named else [])]
        if node.attr != "get" or not arguments or len(default) > 1 or set(named) - {"default"}:
            return self._getattr(node, {})
        found = self._looked_up(node, arguments[0])
        if found is not None:
            return found
        if not default:
            raise self._refused(
                f"line {node.lineno}: the environment variable {arguments[0]} is not set"
            )
        return default[0]

    def _variable(self, node: Any, name: Any) -> str:
        found = self._looked_up(node, name)
        if found is None:
            raise self._refused(f"line {node.lineno}: the environment variable {name} is not set")
        return found

    def _looked_up(self, node: Any, name: Any) -> str | None:
        if not isinstance(name, str) or name not in self._environ:
            given = ", ".join(self._environ)
            raise self._refused(
                f"line {node.lineno}: it asks for the environment variable {short(name)}, and "
                f"recipes are given {given} and what --variable names"
            )
        found = self._environ[name]
        if found is not None:
            self.read[name] = found
        return found


#: Kinds of Jinja's nodes that have a method here.
_EXPRESSIONS: Final = frozenset(
    {
        *("And", "Call", "Compare", "Concat", "CondExpr", "Const", "Dict", "Filter", "Getattr"),
        *("Getitem", "List", "Name", "Neg", "Not", "Or", "Test", "Tuple"),
    }
)
