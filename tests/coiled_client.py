"""What the tests do with Coiled's own client: ``python coiled_client.py WHAT``, which prints JSON.

In a process of its own, whose addresses and token are those of the stand-in's.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import importlib.util
import inspect
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import coiled
import dask.config
from coiled_server import WRONG

from benchdb.cli import main
from benchdb.clusters import coiled_access, coiled_cluster, coiled_software
from benchdb.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

ENVIRONMENT = {"channels": ["conda-forge"], "dependencies": ["python=3.11", {"pip": ["benchdb"]}]}

#: On the stand-in: it has no instances to choose from, and no credentials are to be sent there.
CLUSTER = {"n_workers": 1, "worker_vm_types": ["m6i.large"], "credentials": None}


def said(call: Callable[..., Any], *given: Any, **named: Any) -> Any:
    """Return what a call returns, or the error for the user."""
    try:
        return call(*given, **named)
    except UserError as error:
        return f"error: {error}"


def software() -> dict[str, Any]:
    """Create, list and delete software environments."""
    log: list[str] = []
    hopeless = {"dependencies": ["numpy=99"]}
    requirements = Path("requirements.txt")
    requirements.write_text("dask==2024.8\n-i https://index.example/simple\n")
    Path("environment.yml").write_text(json.dumps(ENVIRONMENT))
    create = coiled_software.create
    return {
        "created": said(create, "nightly", conda=ENVIRONMENT, pip=["dask==1"], say=log.append),
        "log": log,
        "from files": said(
            create, "team/files", conda="environment.yml", pip=requirements, arm=True
        ),
        "failed": said(create, "hopeless", conda=hopeless),
        "slow": said(create, "slow", conda=hopeless, timeout=0.01),
        "name": said(create, "Nightly", conda=ENVIRONMENT),
        "empty": said(create, "empty"),
        "no dependencies": said(create, "empty", conda={"channels": ["conda-forge"]}),
        "no file": said(create, "absent", pip="absent.txt"),
        "listed": said(coiled_software.list_all),
        "deleted": said(coiled_software.delete, "nightly"),
        "deleted again": said(coiled_software.delete, "nightly"),
        "left": said(coiled_software.list_all),
        "left, asked from a loop": asyncio.run(in_a_loop()),
        "given": ENVIRONMENT,
    }


def release() -> dict[str, Any]:
    """Make software environments of the pins of a recipe."""
    if importlib.util.find_spec("rattler") is None:
        return {}
    recipe = "package: {name: stack, version: 1.0}\nrequirements: {run: [dask ==2024.8, numpy]}\n"
    Path("recipe").mkdir()
    Path("recipe/recipe.yaml").write_text(recipe)
    found = {}
    for name, options in {
        "pins": ["pins", "--add", "pytest >=8", "--channel", "conda-forge"],
        "wrong name": ["Pins"],
        "with a file": ["pins", "--output", "environment.yml"],
    }.items():
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(["release", "env", "recipe", "--coiled", *options])
        found[name] = [code, out.getvalue(), err.getvalue()]
    return found


async def in_a_loop() -> Any:
    """List software environments where a loop runs already, as in a notebook."""
    return said(coiled_software.list_all)


def failures() -> dict[str, Any]:
    """Ask servers that aren't well, without a token, with a wrong one, without a network."""
    here = dask.config.get("coiled.server")
    wrong = {mode: {"coiled.server": f"{here}/{mode}"} for mode in (*WRONG, "silent")}
    wrong |= {
        "no token": {"coiled.token": None},
        "blank token": {"coiled.token": " "},
        "wrong token": {"coiled.token": "abc-secret"},
        "odd token": {"coiled.token": "abc-se\ncret"},
        "no server": {"coiled.server": "http://127.0.0.1:1"},
        "no address": {"coiled.server": "ftp://127.0.0.1"},
        "no workspace": {"coiled.workspace": "nowhere"},
    }
    patience = coiled_access.TIMEOUT
    found = {}
    for name, config in wrong.items():
        coiled_access.TIMEOUT = 0.5 if name in ("overloaded", "silent") else patience
        with dask.config.set(config):
            found[name] = [said(coiled_software.list_all), said(started_cluster, {})]
    return found


def started_cluster(keywords: dict[str, Any], **given: Any) -> str:
    """Start a cluster, and return its name."""
    with coiled_cluster.running(CLUSTER | keywords, software="team/nightly", **given) as cluster:
        return str(cluster.name)


def clusters() -> dict[str, Any]:
    """Start clusters that don't come, or don't end."""
    stop = coiled_cluster.stop
    found = {
        "quota": said(started_cluster, {"tags": {"quota": 1}}),
        "no workers": said(started_cluster, {"tags": {"no_workers": 1}}),
        "lives on": said(started_cluster, {"name": "a", "tags": {"immortal": 1}}),
        "left behind": said(started_cluster, {}, tags={"immortal": "1", "no_workers": "1"}),
        "unknown": said(started_cluster, {"n_worker": 1}),
        "wrong value": said(started_cluster, {"idle_timeout": "long"}),
        "stopped by name": said(stop, "absent"),
    }
    failed = RuntimeError("the test failed")
    running = coiled_cluster.running(CLUSTER, software="team/nightly")
    with contextlib.suppress(RuntimeError), running as cluster:
        found["failing"] = cluster.name
        raise failed
    return found


def calls() -> dict[str, Any]:
    """Bind each call of this layer to what the installed client takes."""
    takers = {
        "cloud": coiled.Cloud,
        "coiled": coiled,
        "cluster": coiled.Cluster,
        "log_in": coiled.core.handle_credentials,
    }
    found: dict[str, Any] = {"known": coiled_cluster.known_keywords(), "bound": [], "wrong": []}
    for path in sorted(Path(coiled_access.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name, _, method = ast.unparse(node.func).partition(".")
            if name in takers and (method or name == "log_in") and "." not in method:
                shown = f"{ast.unparse(node.func)} in {path.name}"
                try:
                    taker = getattr(takers[name], method) if method else takers[name]
                    named = {one.arg: None for one in node.keywords if one.arg}
                    positional: list[Any] = [None] * (
                        len(node.args) + (name in ("cloud", "cluster"))
                    )
                    inspect.signature(taker).bind_partial(*positional, **named)
                except (AttributeError, TypeError) as error:
                    found["wrong"].append(f"{shown}: {error}")
                found["bound"].append(shown)
    log_in = {"retry": False, "print_invalid_token_messages": False}
    inspect.signature(coiled.core.handle_credentials).bind_partial(**log_in)
    return found


if __name__ == "__main__":
    answers = {"calls": calls(), "software": software(), "clusters": clusters()}
    answers["release"] = release()
    print(json.dumps(answers | {"failures": failures()}))  # noqa: T201 - the tests read that
