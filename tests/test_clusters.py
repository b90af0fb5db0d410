"""Coiled's software environments and clusters, by its own client against a stand-in's server."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from coiled_server import TOKEN, WRONG

from benchdb.clusters import coiled_access, coiled_software
from benchdb.clusters.keywords import read_keywords
from benchdb.clusters.tags import ci_tags, fit_tags
from benchdb.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from suites import Suite

HERE = Path(__file__).parent

needs_coiled = pytest.mark.skipif(
    importlib.util.find_spec("coiled") is None, reason="Coiled's client is not installed here"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the stand-in for Coiled's server."""
    command = [sys.executable, str(HERE / "coiled_server.py")]
    scratch = {**os.environ, "TMPDIR": str(tmp_path_factory.mktemp("server"))}
    with subprocess.Popen(
        command, env=scratch, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.kill()


def environ(server: str, home: Path) -> dict[str, str]:
    """Return variables of a user of the stand-in's, who can't leave this machine."""
    return {
        "DASK_COILED__SERVER": server,
        "DASK_COILED__TOKEN": TOKEN,
        "DASK_CONFIG": str(home),
        "HOME": str(home),
        "LEAVING": str(home / "leaving"),
        # Its server speaks HTTP; to read all certificates of the web for each question takes long.
        "SSL_CERT_FILE": str(home / "none.pem"),
        "PYTHONPATH": os.pathsep.join([str(HERE / "coiled_guard"), str(HERE)]),
    }


@pytest.fixture(scope="module")
def told(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What `coiled_client` tells of all that it did."""
    home = tmp_path_factory.mktemp("home")
    done = subprocess.run(
        [sys.executable, str(HERE / "coiled_client.py")],
        cwd=home,
        env={**os.environ, **environ(server, home)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    # Neither prompts nor progress: one line of JSON is all that was printed.
    yield {**json.loads(done.stdout), "stderr": done.stderr}
    assert not (home / "leaving").exists(), (home / "leaving").read_text()


def asked(server: str, method: str, path: str) -> list[dict[str, Any]]:
    """Return what the stand-in was asked so."""
    with urllib.request.urlopen(f"{server}/asked") as answer:
        entries = json.load(answer)
    return [one for one in entries if one["method"] == method and one["path"].endswith(path)]


def test_what_would_leave_this_machine_is_found(tmp_path: Path) -> None:
    script = "import socket; socket.socket().connect(('192.0.2.1', 80))"
    done = subprocess.run(
        [sys.executable, "-c", script], env=os.environ | environ("", tmp_path), capture_output=True
    )
    assert done.returncode == 1
    assert "192.0.2.1" in (tmp_path / "leaving").read_text()


@needs_coiled
def test_a_software_environment_is_created_listed_and_deleted(
    told: dict[str, Any], server: str
) -> None:
    software = told["software"]
    assert software["created"] == ["team/nightly", "built", "today"]
    assert software["log"][0].startswith("--- Logs from remote build")
    assert "solving 1" in software["log"]
    names = {name: state for name, state, _ in software["listed"]}
    assert (names["team/nightly"], names["team/files"]) == ("built", "built")
    assert names["team/hopeless"] == "error"
    assert software["deleted"] is None
    assert "team/nightly" not in {name for name, *_ in software["left"]}
    assert software["left, asked from a loop"] == software["left"]
    (created, *_) = asked(server, "POST", "/software-environment/account/team")
    assert created["body"]["raw_conda"]["dependencies"] == ["python=3.11", "pip"]
    assert created["body"]["raw_pip"][-2:] == ["benchdb", "dask==1"]  # after pip's settings
    assert told["software"]["given"]["dependencies"][0] == "python=3.11"


@needs_coiled
def test_a_software_environment_comes_from_files_too(told: dict[str, Any], server: str) -> None:
    assert told["software"]["from files"] == ["team/files", "built", "today"]
    (created,) = (
        one["body"]
        for one in asked(server, "POST", "/software-environment/account/team")
        if one["body"]["name"] == "files"
    )
    assert "dask==2024.8" in created["raw_pip"]
    assert created["architecture"] == "aarch64"


@needs_coiled
@pytest.mark.skipif(
    importlib.util.find_spec("rattler") is None, reason="py-rattler is not installed here"
)
def test_a_recipes_pins_become_a_software_environment(told: dict[str, Any], server: str) -> None:
    code, out, err = told["release"]["pins"]
    assert (code, err) == (0, "")
    assert out == "built team/pins on Coiled: clusters take it by COILED_SOFTWARE_NAME=team/pins\n"
    made = asked(server, "POST", "/software-environment/account/team")
    (conda,) = (one["body"]["raw_conda"] for one in made if one["body"]["name"] == "pins")
    assert conda["dependencies"] == ["dask ==2024.8", "numpy", "pytest >=8"]
    assert conda["channels"] == ["https://conda.anaconda.org/conda-forge"]
    for name, said in {"wrong name": "lower-case letters", "with a file": "writes no file"}.items():
        code, out, err = told["release"][name]
        assert (code, out) == (2, "")
        assert said in err
        assert err.count("\n") == 1


@needs_coiled
def test_a_software_environment_that_is_not_made_says_why_in_a_line(told: dict[str, Any]) -> None:
    software = told["software"]
    assert "failed to build; solving" in software["failed"]
    assert "nothing provides numpy 99" in software["failed"]
    assert "/build/" in software["failed"]
    assert "within 0.01 seconds" in software["slow"]
    assert "lower-case letters" in software["name"]
    assert "would be empty" in software["empty"]
    assert "no dependencies" in software["no dependencies"]
    assert "no file absent.txt" in software["no file"]
    assert "Unable to find software environment" in software["deleted again"]


@needs_coiled
def test_without_token_or_network_a_line_says_what_to_do(told: dict[str, Any]) -> None:
    failures = told["failures"]
    for name, lines in failures.items():
        for line in lines:
            assert line.startswith("error: Can't "), name
            assert "\n" not in line, name
            assert "secret" not in line, name
    said = {name: lines[0] for name, lines in failures.items()}
    for name in ("no token", "blank token"):
        assert "no token here: run `coiled login`, or set DASK_COILED__TOKEN" in said[name]
    for name in ("rejecting", "forbidding", "wrong token"):
        assert "rejects the token: run `coiled login`" in said[name]
    for name in ("silent", "overloaded"):
        assert "didn't do it within 0.5 seconds" in said[name]
    assert "can't be reached" in said["no server"]
    assert "is there a network" in said["no server"]
    for name in ("portal", "list", "no address"):
        assert "is Coiled's address" in said[name]
    for name, part in {"broken": "it broke", "old": "upgrade", "no workspace": "'nowhere'"}.items():
        assert part in said[name]
    assert set(WRONG) <= set(said)


@needs_coiled
def test_a_cluster_that_does_not_come_is_gone_and_said_in_a_line(
    told: dict[str, Any], server: str
) -> None:
    said = told["clusters"]
    assert "You have reached your quota" in said["quota"]
    assert "Cluster status is error" in said["no workers"]
    assert "Can't stop the cluster a, which may run: Coiled says: it lives" in said["lives on"]
    assert "stop the cluster benchdb-" in said["left behind"]
    assert "there is no keyword n_worker; did you mean n_workers?" in said["unknown"]
    assert "Invalid time unit" in said["wrong value"]
    assert "runs no cluster absent" in said["stopped by name"]
    assert all("\n" not in line for line in said.values())
    started = asked(server, "POST", "/clusters/account/team/")
    stopped = {one["path"].rpartition("/")[2] for one in asked(server, "DELETE", "")}
    (failing,) = (n for n, one in enumerate(started) if one["body"]["name"] == said["failing"])
    numbers = [one for one in started if not one["body"]["tags"].get("quota")]
    assert str(17 + numbers.index(started[failing])) in stopped


@needs_coiled
def test_every_call_is_one_that_the_installed_client_takes(told: dict[str, Any]) -> None:
    assert told["calls"]["wrong"] == []
    methods = {call.split(" ")[0] for call in told["calls"]["bound"]}
    assert methods >= {
        *("cloud.create_software_environment", "cloud.list_software_environments"),
        *("cloud.delete_software_environment", "cloud.get_cluster_by_name"),
        *("cloud.delete_cluster", "cloud.close", "cluster.close", "coiled.Cloud"),
        *("coiled.Cluster", "log_in"),
    }
    assert {"n_workers", "tags", "software", "region"} <= set(told["calls"]["known"])
    assert not {"cloud", "asynchronous", "self"} & set(told["calls"]["known"])


@needs_coiled
def test_the_keywords_of_the_docs_are_ones_that_the_installed_client_takes(
    told: dict[str, Any], tmp_path: Path
) -> None:
    page = (HERE.parent / "docs/clusters.md").read_text("utf-8")
    (tmp_path / "cluster_kwargs.yaml").write_text(page.split("```yaml\n")[1].split("```")[0])
    keywords = read_keywords(
        tmp_path / "cluster_kwargs.yaml", "spill_cluster", known=told["calls"]["known"]
    )
    assert (keywords["n_workers"], keywords["region"]) == (5, "us-east-2")


SUITE = """
    import os

    import pytest
    from benchdb.clusters import coiled_cluster
    from benchdb.clusters.tags import ci_tags
    from benchdb.clusters.where import keywords_from, read_where
    from distributed import Client

    @pytest.fixture(params=["team/nightly", None])
    def client(request):
        keywords = keywords_from(
            read_where("coiled"), "cluster_kwargs.yaml", "small_cluster", override="override.yaml"
        )
        tags = {"test": request.node.name} | ci_tags(os.environ)
        with coiled_cluster.running(keywords, software=request.param, tags=tags) as cluster:
            with Client(cluster) as client:
                yield client

    def test_power(client, benchmark_all):
        with benchmark_all(client):
            assert client.submit(pow, 2, 10).result() == 1024
"""
KEYWORDS = """
default:
  credentials: null
  package_sync_only: [dask]
  tags: {team: x}
small_cluster:
  n_workers: 1
  worker_vm_types: [m6i.large]
"""
OVERRIDE = "default: {region: eu-north-1, tags: {trial: yes}}\n"


@needs_coiled
def test_a_row_says_which_cluster_it_ran_on_and_where_its_cost_is(
    server: str, suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ(server, suite.folder).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_RUN_ID", "4711")
    suite.write(SUITE)
    (suite.folder / "cluster_kwargs.yaml").write_text(KEYWORDS)
    (suite.folder / "override.yaml").write_text(OVERRIDE)

    done = suite.run("--benchmark")

    done.assert_outcomes(passed=2)
    assert not (suite.folder / "leaving").exists(), (suite.folder / "leaving").read_text()
    started = asked(server, "POST", "/clusters/account/team/")[-2:]
    assert [one["body"]["env_name"] for one in started] == ["team/nightly", None]
    assert started[1]["body"]["env_id"] is not None
    assert started[0]["body"]["options"]["region_name"] == "eu-north-1"
    tags = started[0]["body"]["tags"]
    assert (tags["team"], tags["trial"], tags["GITHUB_RUN_ID"]) == ("x", "True", "4711")
    assert tags["test"] == "test_power_team/nightly_"
    rows = suite.runs(
        "cluster_name, cluster_id, cluster_details_url, cluster_cost_url, coiled_software_name"
    )
    for (name, number, details, cost, software), one in zip(rows, started, strict=True):
        assert name == one["body"]["name"]
        assert name.startswith("benchdb-")
        assert details == f"{server}/clusters/{number}"
        assert cost == f"{server}/api/v1/team/billing-events/?cluster_id={number}"
        assert software == one["body"]["env_name"]
    assert suite.query("select kind, workers, worker_instance_type, region from cluster") == [
        ("coiled", 1, "m6i.large", "eu-north-1")
    ]
    numbers = {row[1] for row in rows}
    assert numbers <= {one["path"].rpartition("/")[2] for one in asked(server, "DELETE", "")}


@pytest.mark.portable
def test_without_coileds_client_a_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "coiled", None)
    with pytest.raises(UserError, match=r"pip install 'benchdb\[coiled\]'"):
        coiled_access.package()
    with pytest.raises(UserError, match=r"pip install 'benchdb\[coiled\]'"):
        coiled_software.delete("nightly")


# -- keywords in files


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    pytest.importorskip("yaml")
    base, override = tmp_path / "cluster_kwargs.yaml", tmp_path / "override.yaml"
    base.write_text(
        "default: {n_workers: 1, environ: {A: a, B: b}, worker_vm_types: [m6i.large]}\n"
        "small: {n_workers: 10, environ: {B: c}}\n"
        "plain:\n"
    )
    override.write_text("default: {region: eu-north-1}\nsmall: {worker_vm_types: [r6i.large]}\n")
    return base, override


@pytest.mark.portable
def test_what_is_said_of_a_group_wins_over_the_default_and_an_override_over_both(
    files: tuple[Path, Path],
) -> None:
    base, override = files
    default = {"n_workers": 1, "environ": {"A": "a", "B": "b"}, "worker_vm_types": ["m6i.large"]}
    assert read_keywords(base) == read_keywords(base, "plain") == default
    small = default | {"n_workers": 10, "environ": {"A": "a", "B": "c"}}
    assert read_keywords(base, "small") == small
    changed = {"region": "eu-north-1", "worker_vm_types": ["r6i.large"]}
    assert read_keywords(base, "small", override=override) == small | changed
    assert read_keywords(base, override=override) == default | {"region": "eu-north-1"}


@pytest.mark.portable
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("small: {n_worker: 3}", "section small: there is no keyword n_worker; did you mean n_wor"),
        ("smal: {n_workers: 3}", "has no section small; did you mean smal?"),
        ("small: 3", "the section small must hold keywords"),
        ("small: {n_workers: [1", "is no YAML in line 1"),
        ("- small", "must hold names with values"),
        ("1: {n_workers: 3}", "must hold names with values"),
        ("small: !!python/object:os.system {}", "is no YAML in line 1"),
    ],
)
def test_a_file_that_makes_no_sense_is_said_in_a_line(
    files: tuple[Path, Path], text: str, said: str
) -> None:
    base, _ = files
    base.write_text(text)
    known = ["n_workers", "region", "environ", "worker_vm_types"]
    with pytest.raises(UserError) as error:
        read_keywords(base, "small", known=known)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.portable
def test_an_override_of_a_section_that_there_is_not_is_refused(files: tuple[Path, Path]) -> None:
    base, override = files
    override.write_text("smal: {n_workers: 3}")
    with pytest.raises(UserError, match=r"has no section smal; did you mean small\?"):
        read_keywords(base, "small", override=override)
    with pytest.raises(UserError, match=r"absent\.yaml can't be read: No such file"):
        read_keywords(base, override=base.with_name("absent.yaml"))


# -- tags


@pytest.mark.portable
def test_tags_are_the_variables_of_the_ci_that_runs() -> None:
    environ = {"GITHUB_ACTIONS": "true", "GITHUB_JOB": "tests", "GITHUB_SHA": "", "CI_JOB_ID": "7"}
    assert ci_tags(environ) == {"GITHUB_JOB": "tests"}
    assert ci_tags(environ | {"GITHUB_ACTIONS": "", "GITLAB_CI": "true"}) == {"CI_JOB_ID": "7"}
    assert ci_tags({"GITHUB_JOB": "tests"}) == {}


@pytest.mark.portable
def test_tags_have_the_characters_and_lengths_that_clouds_take() -> None:
    tags = {"test": "test_a[x,y]", "empty": "", "none": None, "long" * 50: "é" * 300, "n": 0}
    fit = fit_tags(tags)
    assert fit["test"] == "test_a_x_y_"
    assert fit["n"] == "0"
    assert fit[("long" * 50)[:128]] == "é" * 256
    assert len(fit) == 3
