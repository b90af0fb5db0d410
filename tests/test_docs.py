"""The pages: up to date, complete, their links alive and their examples true."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import forks
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.glob("*.md"), *ROOT.glob("*.md"), *ROOT.glob("benchmarks/**/*.md")])
BLOCKS = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)

#: Options that shell examples use, by the program that has them.
OTHERS_OPTIONS = {"-k", "-q", "-n"}


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def text_of(page: Path) -> str:
    return page.read_text("utf-8")


def by_hand(page: Path) -> str:
    """Return what of a page isn't generated."""
    return re.sub(r"<!-- generated: .*?<!-- end: ", "", text_of(page), flags=re.DOTALL)


class Example(NamedTuple):
    """A block of code in a page."""

    page: Path
    language: str
    source: str


def examples(*languages: str, pages: list[Path] = PAGES) -> Iterator[Example]:
    for page in pages:
        for found in BLOCKS.finditer(text_of(page)):
            if found[2] in languages:
                lines = (line.removeprefix(found[1]) for line in found[3].splitlines())
                yield Example(page, found[2], "\n".join(lines) + "\n")


def shell_lines() -> Iterator[tuple[Path, list[str]]]:
    """Yield the commands of shell examples, without comments; of sessions what follows the $."""
    for example in examples("sh", "console"):
        source = example.source
        if example.language == "console":
            typed = [line[2:] for line in source.splitlines() if line.startswith("$ ")]
            source = "\n".join(typed)
        for line in source.splitlines():
            try:
                words = shlex.split(line, comments=True)
            except ValueError:
                continue  # a string over several lines
            if words:
                yield example.page, words


# -- generated blocks


def test_no_page_is_stale() -> None:
    command = [sys.executable, "docs/generate.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_stale_page_is_named_and_mended(
    generate: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(DOCS, tmp_path / "docs")
    shutil.copytree(ROOT / "alembic", tmp_path / "alembic")
    shutil.copy(ROOT / "README.md", tmp_path)
    page = tmp_path / "docs/schema.md"
    right = text_of(page)
    page.write_text(right.replace("| `average_memory` |", "| `average_memories` |"), "utf-8")

    assert generate.main(["--check"], tmp_path) == 1
    assert capsys.readouterr().out.split()[-1] == "docs/schema.md"
    assert generate.main([], tmp_path) == 0
    assert text_of(page) == right
    assert generate.main(["--check"], tmp_path) == 0


def test_every_block_is_on_a_page(generate: ModuleType) -> None:
    markers = "".join(map(text_of, PAGES))
    for name in generate.BLOCKS:
        assert f"<!-- generated: {name} -->" in markers
        assert f"<!-- end: {name} -->" in markers


# -- complete


def test_every_fixture_is_explained_with_an_example() -> None:
    from benchdb.plugin import entry

    page = by_hand(DOCS / "fixtures.md")
    names = [name for name in entry.__all__ if not name.startswith("pytest_")]
    assert len(names) == 12
    for name in names:
        _, heading, section = page.partition(f"\n## `{name}`\n")
        assert heading, f"{name} has no heading in fixtures.md"
        assert re.search(rf"```python\n# test_.*?\b{name}\b", section.split("\n## ")[0], re.DOTALL)


def test_every_option_of_pytest_is_explained(generate: ModuleType) -> None:
    from benchdb.plugin.entry import pytest_addoption

    reader = generate.OptionReader()
    pytest_addoption(reader)
    assert "--benchmark-repeat" in reader.options
    pages = "".join(map(by_hand, DOCS.glob("*.md")))
    for name in reader.options:
        assert re.search(rf"{name}(?![\w-])", pages), f"{name} is explained nowhere"


def test_every_verb_is_used_on_a_page() -> None:
    from benchdb.cli.program import program

    pages = "".join(map(by_hand, DOCS.glob("*.md")))
    for verb in verbs(program, "benchdb"):
        assert verb in pages, f"{verb} is explained nowhere"


def verbs(command: Any, path: str) -> Iterator[str]:
    import click

    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from verbs(command.get_command(context, name), f"{path} {name}")


def test_every_marker_and_variable_is_explained() -> None:
    from benchdb.config import DATABASE_VARIABLES

    assert "`benchmark_version(version)`" in text_of(DOCS / "fixtures.md")
    assert "`benchmark_exclusive`" in text_of(DOCS / "fixtures.md")
    for name in DATABASE_VARIABLES:
        assert f"`{name}`" in text_of(DOCS / "running.md")


def test_every_page_is_in_the_index() -> None:
    index = text_of(DOCS / "index.md")
    for page in DOCS.glob("*.md"):
        assert page.name == "index.md" or f"]({page.name})" in index


def test_the_glossary_is_sorted() -> None:
    words = re.findall(r"^### (.*)", text_of(DOCS / "glossary.md"), re.MULTILINE)
    assert len(words) > 20
    assert words == sorted(words)


# -- links


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    text = re.sub(r"^```.*?^```", "", text_of(page), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.*)", text, re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    text = BLOCKS.sub("", text_of(page))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        other = (page.parent / name).resolve() if name else page
        assert other.exists(), f"{target} leads nowhere"
        assert not anchor or anchor in anchors(other), f"{target} has no such heading"


# -- examples


class Recorded(NamedTuple):
    """What a page's test files gave under ``pytest --benchmark``."""

    said: str
    folder: Path

    def query(self, sql: str) -> list[Any]:
        with closing(sqlite3.connect(self.folder / "benchmark.db")) as connection:
            return connection.execute(sql).fetchall()


def files_of(page: str) -> dict[str, str]:
    """Return the files that Python examples begin by naming; several of one name are its parts."""
    files: dict[str, str] = {}
    for example in examples("python", pages=[ROOT / page]):
        if found := re.match(r"# ((?:test_\w+|conftest)\.py)\n", example.source):
            assert found[1] == "conftest.py" or found[1] not in files
            files[found[1]] = files.get(found[1], "") + example.source
    return files


def record(folder: Path, files: dict[str, str], *options: str) -> Recorded:
    for name, source in files.items():
        (folder / name).write_text(source, "utf-8")
    hidden = ("PYTEST_", "BENCHDB_", "DB_NAME")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    command = ["-m", "pytest", "-p", "benchdb", "-q", *options]
    done = forks.run(command, forks.PYTEST, folder, environ)
    return Recorded(done.stdout + done.stderr, folder)


@pytest.fixture(scope="module")
def own_fixture(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    return record(tmp_path_factory.mktemp("own"), files_of("docs/own-fixture.md"), "--benchmark")


@pytest.fixture(scope="module")
def fixtures(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    pytest.importorskip("distributed", reason="the examples start a Dask cluster")
    return record(tmp_path_factory.mktemp("fixtures"), files_of("docs/fixtures.md"), "--benchmark")


def test_the_example_of_the_readme_is_recorded(tmp_path: Path) -> None:
    files = files_of("README.md")
    assert len(files) == 1
    done = record(tmp_path, files, "--benchmark")
    assert "1 passed" in done.said
    assert done.query("select call_outcome, duration > 0 from test_run") == [("passed", 1)]


def test_a_fixture_of_ones_own_records_what_its_page_says(own_fixture: Recorded) -> None:
    assert re.search(r"^2 passed", own_fixture.said, re.MULTILINE), own_fixture.said
    metrics = own_fixture.query("select metric, value >= 0 from measurement order by metric")
    assert ("gc_collections", 1) in metrics
    assert own_fixture.query("select kind, size > 0 from artifact") == [("profile", 1)]


def test_the_examples_of_fixtures_record_what_their_page_says(fixtures: Recorded) -> None:
    assert "failed" not in fixtures.said, fixtures.said
    assert "not measured" not in fixtures.said
    rows = dict(fixtures.query("select name, state || ' ' || call_outcome from test_run"))
    tests = re.findall(
        r"^def (test_\w+)", "".join(files_of("docs/fixtures.md").values()), re.MULTILINE
    )
    assert rows == {
        name: "closed passed" for name in tests if name not in {"test_count", "test_earlier_runs"}
    }
    filled = "duration, average_memory, compute_time, scheduler_cpu_avg, dask_version"
    (values,) = fixtures.query(f"select {filled} from test_run where name = 'test_everything'")
    assert None not in values
    joined = "measurement join test_run using (session_id, ordinal)"
    parts = fixtures.query(f"select metric from {joined} where name = 'test_json' order by metric")
    assert parts == [("duration.decode",), ("duration.encode",)]
    (ratio,) = fixtures.query("select value from measurement where metric = 'compression_ratio'")
    assert ratio[0] > 1


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a bit of everything that the queries on the pages ask for."""
    from benchdb.store.database import connect

    suite = """
import pytest

@pytest.fixture
def broken(): raise ValueError

def test_write_wide_data(test_run_benchmark, benchmark_time, tmp_path):
    test_run_benchmark.average_memory = 2.0**30
    test_run_benchmark.dask_version = "2026.8.0"
    test_run_benchmark.record("gc_collections", 3)
    (tmp_path / "note.txt").write_text("x")
    test_run_benchmark.attach("note", tmp_path / "note.txt")
    for _ in range(3):
        with benchmark_time:
            pass

def test_failing(benchmark_time, broken): pass
"""
    folder = tmp_path_factory.mktemp("history")
    (folder / "pyproject.toml").write_text("[project]\nname = 'suite'\nversion = '1'\n")
    for _ in range(2):
        done = record(folder, {"test_suite.py": suite}, "--benchmark", "-k", "not nothing")
        assert "1 passed, 1 error" in done.said
    path = folder / "benchmark.db"
    with closing(connect(path, write=True)) as connection:
        lost = "session_id = 1 and name = 'test_failing'"
        connection.execute(f"update test_run set state = 'lost', phase = 'setup' where {lost}")
    return path


SQL = [
    pytest.param(example, id=f"{example.page.stem}-{number}")
    for number, example in enumerate(examples("sql"))
]


@pytest.mark.parametrize("example", SQL)
def test_queries_answer(example: Example, history: Path) -> None:
    """Each finds something, unless a comment in it says that there may be nothing."""
    assert_answers(example.source, history)


def assert_answers(sql: str, path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(sql).fetchall()
    assert rows or "may be empty" in sql or "state = 'open'" in sql


def test_queries_in_shell_examples_answer(history: Path) -> None:
    found = [words for _, words in shell_lines() if words[0] == "sqlite3"]
    assert found
    for words in found:
        *_, name, sql = words
        assert name == "benchmark.db"
        assert_answers(sql, history)


def test_commands_in_shell_examples_are_called_rightly(generate: ModuleType) -> None:
    from benchdb.cli.program import program
    from benchdb.plugin.entry import pytest_addoption

    reader = generate.OptionReader()
    pytest_addoption(reader)
    seen = set()
    for page, line in shell_lines():
        words = line[: line.index("||")] if "||" in line else line
        seen.add(words[0])
        if words[0] == "benchdb":
            assert_called_rightly(program, words[1:])
        elif words[0] == "pytest":
            given = {word.partition("=")[0] for word in words if word.startswith("-")}
            ours = {word for word in given if word.startswith("--benchmark")}
            assert ours <= reader.options.keys(), f"{page.name}: {shlex.join(words)}"
            assert page.parent != DOCS or given - ours <= OTHERS_OPTIONS
        elif words[0].startswith("ci/"):
            assert os.access(ROOT / words[0], os.X_OK)
    assert {"benchdb", "pytest", "sqlite3", "ci/test", "ci/demo"} <= seen


def assert_called_rightly(command: Any, words: list[str]) -> None:
    import click

    while isinstance(command, click.Group):
        context = click.Context(command)
        name, *words = words
        found = command.get_command(context, name)
        assert found is not None, f"there is no {name}"
        command = found
    command.make_context(command.name, words)  # raises for what it does not know


def test_settings_in_examples_are_known(tmp_path: Path) -> None:
    from benchdb.config import Settings, read_settings

    found = [
        one for one in examples("toml", pages=sorted(DOCS.glob("*.md"))) if "[tool." in one.source
    ]
    assert found
    for example in found:
        (tmp_path / "pyproject.toml").write_text(example.source)
        assert read_settings(tmp_path) != Settings(tmp_path)


def test_recipes_for_ci_are_valid_and_keep_the_log_too() -> None:
    yaml = pytest.importorskip("yaml")
    pages = [page for page in sorted(DOCS.glob("*.md")) if page.stem != "clusters"]
    found = list(examples("yaml", pages=pages))
    assert len(found) == 7
    for example in found:
        assert yaml.safe_load(example.source)
        assert ("benchmark.db*" in example.source) != ("benchdb push" in example.source)


PYTHON = [
    pytest.param(example, id=f"{example.page.stem}-{number}")
    for number, example in enumerate(examples("python"))
]


@pytest.mark.parametrize("example", PYTHON)
def test_python_examples_compile(example: Example) -> None:
    code = compile(example.source, str(example.page), "exec")
    assert code.co_names, "an example that names nothing shows nothing"
