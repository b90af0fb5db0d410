"""What the plugin uses of pytest that pytest does not promise: each is named here, once."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING

import benchdb.plugin

if TYPE_CHECKING:
    import pytest

#: Attributes of pytest's own objects, and what fails without them.
PRIVATE = {
    "_report_sections": "output of an earlier round would be shown again (rounds.py)",
    "_storage": "stashes of conftest files would be lost to further rounds (rounds.py)",
    "_instance": "further rounds would share the instance of a test class (rounds.py)",
    "_obj": "further rounds would share the instance of a test class (rounds.py)",
    "_initrequest": "further rounds would share values of fixtures (rounds.py)",
    "_markers": "further rounds would share the keywords of a test (rounds.py)",
    "determine_setup": "a path after a space may move the rootdir unnoticed (rootdir.py)",
}

#: Of classes of our own, used by their neighbours in one module, and of named tuples.
OURS = {"_running", "_replace"}


def private_names(module: Path) -> set[str]:
    """Return underscored attributes of others than self, and what is imported from _pytest."""
    found = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("_pytest"):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Attribute) and getattr(node.value, "id", "") != "self":
            found.add(node.attr)
        elif isinstance(node, ast.Constant) and str(node.value) in PRIVATE:
            found.add(str(node.value))
    dunder = re.compile("__.*__")
    private = {name for name in found if name[0] == "_" and not dunder.match(name)}
    return private | (found & PRIVATE.keys())


def test_every_private_name_of_pytest_that_the_plugin_uses_stands_here() -> None:
    modules = Path(inspect.getfile(benchdb.plugin)).parent.glob("*.py")
    used = set().union(*(private_names(module) for module in modules))
    assert used - OURS == set(PRIVATE)


class TestPytest:
    def test_has_what_the_plugin_uses_of_it(self, request: pytest.FixtureRequest) -> None:
        item = request.node
        owners = {"_report_sections": item, "_storage": item.stash, "_initrequest": item}
        owners["_markers"] = item.keywords
        gone = [name for name, owner in owners.items() if not hasattr(owner, name)]
        gone += [name for name in ("_instance", "_obj") if name not in vars(item)]
        try:
            from _pytest.config.findpaths import determine_setup
        except ImportError:
            gone.append("determine_setup")
        else:
            known = {"inifile", "override_ini", "args", "rootdir_cmd_arg", "invocation_dir"}
            if not set(inspect.signature(determine_setup).parameters) <= known:
                gone.append("determine_setup")
        assert {name: PRIVATE[name] for name in gone} == {}
