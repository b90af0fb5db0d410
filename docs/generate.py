"""Fills the generated blocks of the pages from the code: ``python docs/generate.py [--check]``.

A block stands between ``<!-- generated: NAME -->`` and ``<!-- end: NAME -->``; what is around it is
written by hand. With ``--check`` nothing is written: stale pages are named, and the exit code is 1.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

ROOT: Final = Path(__file__).resolve().parents[1]

_BLOCK: Final = re.compile(
    r"(<!-- generated: (?P<name>[\w ]+) -->\n).*?(<!-- end: (?P=name) -->)", re.DOTALL
)

#: Columns of a terminal that the commands' help is set for.
_WIDTH: Final = 80


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    cells = [[cell.replace("|", "\\|").replace("\n", " ") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def code(text: str) -> str:
    """Return text as inline code."""
    return f"`{text}`"


# -- the tables


def schema() -> str:
    """Return every table: what a row is, its columns and its keys."""
    from benchdb.store.models import Base

    return "\n\n".join(_table(mapper.class_) for mapper in _mappers(Base))


def _mappers(base: Any) -> list[Any]:
    order = ["session", "test_run", "measurement", "artifact", "environment", "cluster"]
    order += ["revision", "revision_package", "package_set", "package_set_package", "package"]
    order += ["annotation"]

    def place(mapper: Any) -> tuple[int, str]:
        name = mapper.local_table.name
        return (order.index(name) if name in order else len(order)), name

    return sorted(base.registry.mappers, key=place)


def _table(model: Any) -> str:
    from sqlalchemy import UniqueConstraint

    made = model.__table__
    rows = [
        (code(column.name), _type(column), _keys(column), column.comment or "")
        for column in made.columns
    ]
    parts = [f"## {made.name}", inspect.getdoc(model) or ""]
    parts.append(table(("column", "type", "key", "meaning"), rows))
    unique = [c for c in made.constraints if isinstance(c, UniqueConstraint) and len(c.columns) > 1]
    parts += [
        f"Unique: {_names(one.columns)}." for one in sorted(unique, key=lambda c: str(c.name))
    ]
    indexes = sorted(made.indexes, key=lambda index: str(index.name))
    parts += [f"Indexed: {_names(index.columns)}." for index in indexes]
    return "\n\n".join(parts)


def _names(columns: Iterable[Any]) -> str:
    return f"({', '.join(code(column.name) for column in columns)})"


def _type(column: Any) -> str:
    from sqlalchemy.dialects import sqlite

    from benchdb.store.columns import kind_of

    kind = kind_of(column.type.compile(dialect=sqlite.dialect()))
    return kind + ("" if column.nullable else ", never NULL")


def _keys(column: Any) -> str:
    keys = ["primary"] if column.primary_key else []
    keys += ["unique"] if column.unique else []
    foreign = sorted(key.target_fullname for key in column.foreign_keys)
    return ", ".join([*keys, *(f"to {code(name)}" for name in foreign)])


# -- metrics, fixtures, options, settings


def metrics() -> str:
    """Return the built-in metrics and where they are stored."""
    from benchdb.metrics import COLUMN_METRICS, OTHER_METRICS, OUTCOME_METRICS

    ways = {None: "", "LOWER_IS_BETTER": "lower", "HIGHER_IS_BETTER": "higher"}
    return table(
        ("metric", "unit", "better", "stored in", "meaning"),
        [
            (
                code(metric.name),
                code(metric.unit),
                ways[metric.direction],
                stored,
                metric.meaning,
            )
            for stored, listed in (
                ("`test_run`", COLUMN_METRICS),
                ("`measurement`", OTHER_METRICS),
                ("counted by `benchdb show`", OUTCOME_METRICS),
            )
            for metric in listed
        ],
    )


def fixtures() -> str:
    """Return the fixtures, each with the first line of its docstring."""
    return table(("fixture", ""), [(f"[{code(n)}](#{n})", said) for n, said in _fixtures()])


def _fixtures() -> Iterator[tuple[str, str]]:
    from benchdb.plugin import entry, fixtures

    for name in vars(fixtures):  # in the order they are written
        if name in entry.__all__:
            yield name, str(_docstring(fixtures, name)).split("\n")[0].replace("``", "`")


def _docstring(module: Any, function: str) -> str | None:
    # A fixture is an object of pytest's, which differs between its releases.
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            return ast.get_docstring(node)
    return None


class OptionReader:
    """Takes the place of pytest's parser and keeps what the plugin adds."""

    def __init__(self) -> None:
        self.options: dict[str, dict[str, Any]] = {}

    def getgroup(self, *_: str) -> OptionReader:
        """Return what options are added to."""
        return self

    def addoption(self, name: str, **attributes: Any) -> None:
        """Keep an option."""
        self.options[name] = attributes


def options() -> str:
    """Return pytest's options."""
    from benchdb.plugin.entry import pytest_addoption

    reader = OptionReader()
    pytest_addoption(reader)  # type: ignore[arg-type]
    rows = []
    for name, attributes in reader.options.items():
        shown = f"{name} {attributes['metavar']}" if "metavar" in attributes else name
        rows.append((code(shown), attributes["help"]))
    return table(("option", ""), rows)


def settings() -> str:
    """Return the keys of ``[tool.benchdb]``."""
    from benchdb.config import Settings

    said = _parameters(inspect.getdoc(Settings) or "")
    rows = []
    for field in fields(Settings):
        if field.name == "root":
            continue
        kind = _KINDS[str(field.type)]
        default: Any = field.default
        if kind.startswith("table") and default:
            shown = ", ".join(f"{json.dumps(key)} = {value}" for key, value in default)
            default = code(f"{{{shown}}}")
        else:
            default = code(json.dumps(default)) if default else ""
        rows.append((code(field.name), kind, default, said[field.name]))
    return table(("key", "type", "default", ""), rows)


_KINDS: Final = {
    "int": "number",
    "float": "number",
    "str": "string",
    "str | None": "string",
    "tuple[str, ...]": "list of strings",
    "tuple[str, ...] | None": "list of strings",
    "tuple[tuple[str, float], ...]": "table of numbers",
    "tuple[tuple[str, str], ...]": "table of strings",
}


def _parameters(docstring: str) -> dict[str, str]:
    """Return the texts of a NumPy docstring's parameters, by name."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in docstring.partition("----------\n")[2].splitlines():
        if line and not line.startswith(" "):
            name = line
        elif name:
            found.setdefault(name, []).append(line.strip())
    return {name: " ".join(lines).strip().replace("``", "`") for name, lines in found.items()}


# -- commands


def commands() -> str:
    """Return ``--help`` of every command of benchdb."""
    from benchdb.cli.program import program

    helps = _helps(program, "benchdb", None)
    return "\n\n".join(f"## {path}\n\n```text\n{text}\n```" for path, text in helps)


def _helps(command: Any, name: str, parent: Any) -> Iterator[tuple[str, str]]:
    """Yield the path and the help of a command, and of those below it."""
    import click

    context = command.make_context(
        name, [], parent, resilient_parsing=True, terminal_width=_WIDTH, color=False
    )
    lines = command.get_help(context).splitlines()
    yield context.command_path, "\n".join(line.rstrip() for line in lines)
    if isinstance(command, click.Group):
        for verb in command.list_commands(context):
            yield from _helps(command.get_command(context, verb), verb, context)


def json_schemas() -> str:
    """Return every field of the JSON that commands print."""
    from benchdb.report.fields import FIELDS
    from benchdb.report.schemas import COMMANDS

    return "\n\n".join(
        f"### `{name}`\n\nPrinted by `{COMMANDS[name]}`.\n\n"
        + table(("field", "meaning"), [(code(field), said) for field, said in listed.items()])
        for name, listed in FIELDS.items()
    )


# -- messages


def errors() -> str:
    """Return the one-line errors, as they are written in the code, by kind."""
    from benchdb import errors as module

    kinds = {
        name: str(inspect.getdoc(kind)).partition("\n\n")[0]
        for name, kind in vars(module).items()
        if isinstance(kind, type) and issubclass(kind, module.UserError)
    }
    found: dict[str, dict[str, None]] = {name: {} for name in kinds}
    for call in _calls():
        if call.args and (name := _called(call)) in found:
            found[name].update(dict.fromkeys(_texts(call.args[0])))
    parts = []
    for name, said in kinds.items():
        if found[name]:
            parts += [f"### {name}", said, _listed(found[name])]
    return "\n\n".join(parts)


def notes() -> str:
    """Return the lines that a pytest run's summary may hold."""
    store = (f"store/{name}.py" for name in ("lost", "recording", "rows"))
    return _listed(_lines("collect", "plugin", *store))


def findings() -> str:
    """Return what ``benchdb db check`` may find."""
    return _listed(_lines("store/check.py"))


def _lines(*places: str) -> Iterator[str]:
    """Yield the texts that modules add to notes, problems and lines, each once."""
    found: dict[str, None] = {}
    for call in _calls(*places):
        if not call.args or not isinstance(call.func, ast.Attribute):
            continue
        receiver = ast.unparse(call.func.value).rpartition(".")[2]
        if _called(call) == "note" or (
            _called(call) == "append" and receiver in ("notes", "lines", "problems")
        ):
            found.update(dict.fromkeys(_texts(call.args[0])))
    # A part of a line is no message.
    yield from (said for said in found if " " in said and not said.startswith("…"))


def _listed(messages: Iterable[str]) -> str:
    return "\n".join(f"- `` {said} ``" if "`" in said else f"- {code(said)}" for said in messages)


def _calls(*places: str) -> Iterator[ast.Call]:
    package = ROOT / "src/benchdb"
    for path in sorted(package.rglob("*.py")):
        if places and not path.relative_to(package).as_posix().startswith(places):
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                yield node


def _called(call: ast.Call) -> str:
    return ast.unparse(call.func).rpartition(".")[2]


def _texts(node: ast.expr) -> list[str]:
    """Return the text of a string, its fields as words in capitals; nothing for other values."""
    if isinstance(node, ast.IfExp):
        return [*_texts(node.body), *_texts(node.orelse)]
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.JoinedStr):
        return ["".join(map(_part, node.values))]
    return []


def _part(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    assert isinstance(node, ast.FormattedValue)
    field = node.value
    while isinstance(field, ast.Call) and len(field.args) == 1:
        field = field.args[0]  # str(path), shlex.quote(path)
    if isinstance(field, (ast.Name, ast.Attribute)):
        return ast.unparse(field).rpartition(".")[2].strip("_").upper()
    return "…"


#: What stands in a block, by its name.
BLOCKS: Final[dict[str, Callable[[], str]]] = {
    "commands": commands,
    "errors": errors,
    "findings": findings,
    "fixtures": fixtures,
    "json": json_schemas,
    "metrics": metrics,
    "notes": notes,
    "options": options,
    "schema": schema,
    "settings": settings,
}


def filled(text: str) -> str:
    """Return a page with its blocks filled."""

    def fill(found: re.Match[str]) -> str:
        return f"{found[1]}\n{BLOCKS[found['name']]()}\n\n{found[3]}"

    return _BLOCK.sub(fill, text)


def pages(root: Path) -> list[Path]:
    """Return the pages that may hold blocks."""
    return [root / "README.md", *sorted((root / "docs").glob("*.md"))]


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    """Write the pages, or with ``--check`` name those that are stale."""
    if unknown := [argument for argument in arguments if argument != "--check"]:
        print(f"{unknown[0]} is no option: python docs/generate.py [--check]")
        return 2
    from benchdb.store.revisions import schema_script
    from benchdb.store.schema import schema_sql

    script = root / "alembic" / "versions" / schema_script().name
    after = {page: filled(page.read_text("utf-8")) for page in pages(root)} | {script: schema_sql()}
    stale = []
    for path, text in after.items():
        if not path.exists() or path.read_text("utf-8") != text:
            stale.append(path.relative_to(root).as_posix())
            if "--check" not in arguments:
                path.write_text(text, "utf-8")
    if stale:
        verb = "stale, run `python docs/generate.py`:" if "--check" in arguments else "wrote"
        print(verb, *stale)
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
