"""Versions: of the parts of a cluster among each other, and against a recipe."""

from __future__ import annotations

import importlib.util
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from distributed import Client


def test_versions_agree(small_client: Client) -> None:
    """Whether client, scheduler and workers have the same versions of what they exchange."""
    from distributed.versions import get_versions

    from benchdb.collect.dask_cluster import look_function

    # What the workers told the scheduler when they came: a frozen one holds nobody up.
    seen = small_client.run_on_scheduler(look_function())
    differing = []
    for name, here in get_versions()["packages"].items():
        workers = seen["worker_versions"].get(name, [])
        scheduler = seen["scheduler_versions"].get(name)
        if {here, scheduler, *workers} != {here} or (here and not workers):
            told = " and ".join(workers) or "none"
            differing.append(f"{name}: client {here}, scheduler {scheduler}, workers {told}")
    assert differing == []


def test_packages(pytestconfig: pytest.Config, test_run_benchmark: Any) -> None:
    """Whether what is installed is what a recipe pins, where --runtime-recipe names one."""
    given = pytestconfig.getoption("--runtime-recipe", default=None)
    if not given:
        pytest.skip("no recipe is named: --runtime-recipe RECIPE, or BENCHDB_RUNTIME_RECIPE")
    if importlib.util.find_spec("rattler") is None:
        pytest.fail("a recipe is read with: pip install 'benchdb[release]'", pytrace=False)
    from benchdb.errors import UserError
    from benchdb.release.checking import Published, check
    from benchdb.release.reading import find_recipe, read_recipe

    try:
        recipe = read_recipe(find_recipe(str(pytestconfig.invocation_params.dir / given)))
    except UserError as error:
        pytest.fail(str(error), pytrace=False)
    if Path(sys.prefix, "conda-meta").is_dir():
        found = check(recipe, Path(sys.prefix), Published(), cluster=False)
        wrong = [f"{one.pin}: {one.said}" for one in found.pins if one.grade == "no"]
        wrong += [f"{one.what}: {one.said}" for one in found.findings if one.grade == "no"]
    else:
        wrong = _wrong_by_python(recipe)
    if wrong:
        said = f"not as {recipe.name} {recipe.version} pins: {'; '.join(wrong)}"
        pytest.fail(said, pytrace=False)


def _wrong_by_python(recipe: Any) -> list[str]:
    """Return what Python's metadata say against the pins; of what isn't on PyPI, nothing."""
    from benchdb.release import probe
    from benchdb.release.conda.specs import satisfies
    from benchdb.release.environments import on_pypi

    versions = probe.versions() | {"python": platform.python_version()}
    wrong = []
    for pin in recipe.pins:
        name = "python" if pin.name == "python" else on_pypi(pin.name)
        if name is not None:
            installed = versions.get(name)
            if installed is None or not satisfies(installed, pin):
                wrong.append(f"{pin}, but {installed or 'nothing'} is installed")
    return wrong
