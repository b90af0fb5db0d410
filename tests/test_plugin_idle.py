"""Without ``--benchmark`` what the fixtures give has all that it has with it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from benchdb.plugin.fixtures import ASKING

if TYPE_CHECKING:
    from suites import Suite

LOOKING = """
    import contextlib, inspect, json, types
    import pytest

    PROTOCOLS = ["__call__", "__enter__", "__exit__", "__aenter__", "__aexit__"]

    def looked_at(thing):
        # What a test can do with it: attributes, whether they are called and how, and protocols.
        found = {name: True for name in PROTOCOLS if hasattr(thing, name)}
        for name in dir(thing) if type(thing).__module__ != "contextlib" else ():
            if not name.startswith("_"):
                value = getattr(thing, name)
                found[name] = callable(value)
                if inspect.ismethod(value):
                    found[name] = list(inspect.signature(value).parameters)
        return found

    def test_look(request, pytestconfig):
        given = {}
        for name in json.loads((pytestconfig.rootpath / "names").read_text()):
            thing = request.getfixturevalue(name)
            given[name] = looked_at(thing)
            if name == "test_run_benchmark":
                for column in COLUMNS:
                    getattr(thing, column)
            elif name == "get_cluster_info":
                got = thing(types.SimpleNamespace(name="x"))
                given[name + "()"] = looked_at(got)
            elif name == "benchmark_time":
                given[name + "()"] = looked_at(thing("part"))
                with thing as entered:
                    given[name + " entered"] = looked_at(entered)
            elif name in ("benchmark_memory", "sample_memory"):
                given[name + "()"] = looked_at(thing())
                with thing() as entered:
                    given[name + " entered"] = looked_at(entered)
            elif thing is not None:
                given[name + "()"] = looked_at(thing(object()))
        for name in given["test_run_benchmark"]:
            getattr(request.getfixturevalue("test_run_benchmark"), name)
        (pytestconfig.rootpath / "given").write_text(json.dumps(given))
"""


def test_idle_fixtures_take_all_that_the_real_ones_take(suite: Suite) -> None:
    from benchdb.store.models import TestRun

    columns = TestRun.__table__.columns.keys()
    suite.write(f"COLUMNS = {columns}\n" + "\n".join(line[4:] for line in LOOKING.splitlines()))
    (suite.folder / "names").write_text(json.dumps(sorted(ASKING)))
    given = {}
    for option in ("--benchmark", "-q"):
        suite.run(option).assert_outcomes(passed=1)
        given[option] = json.loads((suite.folder / "given").read_text())
    real, idle = given["--benchmark"], given["-q"]
    assert real.keys() == idle.keys()
    assert set(columns) < real["test_run_benchmark"].keys()
    for name, has in real.items():
        lacking = {
            attribute: form
            for attribute, form in has.items()
            # Columns and what SQLAlchemy adds are answered as they are asked for.
            if idle[name].get(attribute, False if name == "test_run_benchmark" else None) != form
        }
        assert lacking == {}, name
