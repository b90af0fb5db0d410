"""The clusters of the suite in benchmarks/: started, found, broken, and never left behind."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from coiled_server import TOKEN

from benchdb.clusters.keywords import read_keywords
from benchdb.clusters.where import Where, read_where
from benchdb.collect.redaction import redact_tree
from benchdb.errors import UserError, WrongSetting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from suites import Suite

pytest.importorskip("distributed")
pytest.importorskip("pyarrow")

HERE = Path(__file__).parent
SUITE = HERE.parent / "benchmarks"
FILES = ("__init__.py", "cluster_kwargs.yaml", "clusters.py", "conftest.py", "files.py", "sizes.py")

#: Seconds for what must happen at some time, on a busy machine.
PATIENCE = 180

linux = pytest.mark.skipif(sys.platform != "linux", reason="signals as Linux has them")

#: Workers have nothing to import, and are few: starting them is most of what these tests cost.
LIGHT = """
import os
import signal

import pytest


@pytest.fixture(scope="module")
def worker_imports():
    return ("os",)

"""
OWN_FOLDER = "import os, tempfile\ntempfile.tempdir = os.environ['BENCHMARKS_TMP']\n"
ONE_WORKER = "default: {n_workers: 1}\n"


@pytest.fixture
def benchmarks(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> Suite:
    """A folder with the fixtures of the suite, and a temporary folder of its own."""
    (suite.folder / "benchmarks").mkdir()
    for name in FILES:
        shutil.copy(SUITE / name, suite.folder / "benchmarks")
    (suite.folder / "one.yaml").write_text(ONE_WORKER)
    (suite.folder / "tmp").mkdir()
    # Not the name that all tests share: what is left there is this suite's.
    monkeypatch.setenv("BENCHMARKS_TMP", str(suite.folder / "tmp"))
    write(suite, "conftest", OWN_FOLDER)
    return suite


def write(suite: Suite, name: str, source: str) -> None:
    folder = suite.folder if name == "conftest" else suite.folder / "benchmarks"
    (folder / f"{name}.py").write_text(source if name == "conftest" else LIGHT + source)


def left(suite: Suite) -> list[str]:
    return sorted(path.name for path in (suite.folder / "tmp").iterdir())


def wait_for(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)
    return found


def is_running(pid: int) -> bool:
    with contextlib.suppress(psutil.Error):
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    return False


# -- on this machine


BROKEN = """
import subprocess

def test_1_ends_its_worker(small_client):
    (pid,) = small_client.run(os.getpid).values()
    future = small_client.submit(os._exit, 3)
    with pytest.raises(Exception, match="died|lost"):  # KilledWorker
        future.result()

def test_2_stops_the_cluster(small_client):
    small_client.shutdown()

def test_3_fails(small_cluster, small_client):
    print("workers:", len(small_client.run(os.getpid)))
    small_client.log_event("a", "b")
    raise AssertionError("as it must")

def test_3a_leaves_a_process(small_client):
    small_client.submit(lambda: subprocess.Popen(["sleep", "1000"]) and None).result()

def test_4_adds_a_worker(small_cluster, small_client):
    small_cluster.scale(2)
    small_client.wait_for_workers(2)

def test_5_finds_one(memory, small_client):
    assert memory == 2**30
    assert len(small_client.run(os.getpid)) == 1

@pytest.mark.long
def test_6_is_left_out(small_client):
    raise AssertionError
"""


@linux
def test_what_a_test_does_to_its_cluster_is_no_other_tests_trouble(benchmarks: Suite) -> None:
    write(benchmarks, "test_broken", BROKEN)

    done = benchmarks.run("benchmarks", "--benchmark", "--cluster-kwargs=one.yaml")

    done.assert_outcomes(passed=5, failed=1, deselected=1)
    done.stdout.fnmatch_lines(
        [
            "*left out as long: 1 (-m long runs them)*",
            "cluster: before *test_4*: tasks left processes behind, which were killed (sleep *",
        ]
    )
    outcomes = {name: said[1] for name, said in benchmarks.outcomes().items()}
    assert outcomes.pop("test_3_fails") == "failed"
    assert set(outcomes.values()) == {"passed"}
    assert benchmarks.query("select kind, workers, memory_limit from cluster") == [
        ("local", 1, 2**30)
    ]
    kept = benchmarks.query(
        "select kind, artifact.name, url, test_run.name from artifact "
        "join test_run using (session_id, ordinal)"
    )
    assert [kind for kind, *_ in kept].count("cluster_kwargs") == 6
    logs = {name: url for kind, name, url, test in kept if kind == "cluster_log"}
    assert {test for kind, *_, test in kept if kind == "cluster_log"} == {"test_3_fails"}
    assert {name.split("-")[0] for name in logs} == {"scheduler.log", "worker", "nanny"}
    assert "Receive client connection" in (benchmarks.folder / logs["scheduler.log"]).read_text()
    assert left(benchmarks) == []


UNSTARTED = """
from pathlib import Path

@pytest.fixture(scope="module")
def cluster_kwargs(cluster_kwargs):
    starts = str(Path(__file__).with_suffix(".starts"))
    die = (
        f"import os; file = open({starts!r}, 'a+'); file.write('x'); file.seek(0); "
        "len(file.read()) <= DYING and os._exit(3)"
    )
    return {**cluster_kwargs, "start_timeout": 120, "preload": [die]}

def test_one(small_client): pass
def test_two(small_client): pass
def test_three(small_client): pass
"""
STARTED = "def test_one(small_client): assert small_client.submit(pow, 2, 3).result() == 8\n"


def test_workers_that_do_not_come_are_a_line_and_the_next_test_runs(benchmarks: Suite) -> None:
    write(benchmarks, "test_a", UNSTARTED.replace("DYING", "1"))
    write(benchmarks, "test_b", UNSTARTED.replace("DYING", "99"))
    write(benchmarks, "test_c", STARTED)

    done = benchmarks.run("benchmarks", "--cluster-kwargs=one.yaml")

    done.assert_outcomes(passed=3, errors=4)
    done.stdout.fnmatch_lines(["0 of the cluster's 1 workers came, *: look at what they printed*"])
    # The third test of the second module is spared another start.
    assert (benchmarks.folder / "benchmarks/test_b.starts").read_text() == "xx"
    assert not (benchmarks.folder / "benchmark-artifacts").exists()
    assert left(benchmarks) == []


LINGERING = """
from contextlib import contextmanager
from pathlib import Path

@pytest.fixture(scope="module")
def start_cluster(cluster_kwargs, request):
    from benchdb.clusters import local
    from benchmarks import clusters

    @contextmanager
    def start():
        with clusters.failing_in_a_line(request.config):
            with local.running(cluster_kwargs, close_timeout=1) as cluster:
                yield cluster
    return start

def note(small_client):
    (pid,) = small_client.run(os.getpid).values()
    with open("pids", "a") as file:
        file.write(f"{pid} ")
    return pid

def test_one(small_cluster, small_client):
    os.kill(note(small_client), signal.SIGSTOP)

    def refuse(dask_scheduler):
        dask_scheduler.handlers["restart"] = lambda: None

    small_client.run_on_scheduler(refuse)

def test_two(small_client):
    note(small_client)
"""
SLEEPER = """
import subprocess
import time
from pathlib import Path

def test_sleeps(small_client):
    child = small_client.submit(lambda: subprocess.Popen(["sleep", "1000"]).pid).result()
    pids = [*small_client.run(os.getpid).values(), child]
    Path("ready.new").write_text(" ".join(map(str, pids)))
    Path("ready.new").rename("ready")
    small_client.submit(time.sleep, 1000).result()
"""


#: Its meters can't end before the scheduler is done; many would catch an error there.
BUSY = """
import time
from pathlib import Path

def test_leaves_the_scheduler_busy(small_client):
    def work(dask_scheduler):
        dask_scheduler.loop.add_callback(time.sleep, 10)
    Path("ready.new").write_text(" ".join(map(str, small_client.run(os.getpid).values())))
    Path("ready.new").rename("ready")
    small_client.run_on_scheduler(work)

def test_must_not_run(small_client):
    Path("ready").unlink()
"""


@linux
@pytest.mark.parametrize(
    ("source", "sent", "code"),
    [
        (SLEEPER, signal.SIGINT, 2),
        (SLEEPER, signal.SIGTERM, 143),
        (BUSY, signal.SIGINT, 2),
        (BUSY, signal.SIGTERM, 143),
    ],
)
def test_after_an_interrupt_nothing_is_left(
    benchmarks: Suite, source: str, sent: int, code: int
) -> None:
    write(benchmarks, "test_interrupted", source)
    given = ["benchmarks", "--benchmark", "--cluster-kwargs=one.yaml"]
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", *benchmarks.arguments(*given)],
        cwd=benchmarks.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            ready = benchmarks.folder / "ready"
            wait_for(lambda: ready.exists() or process.poll() is not None)
            assert process.poll() is None, process.communicate()[0]
            pids = list(map(int, ready.read_text().split()))
            # Ctrl-C reaches all that the terminal has started, and `kill` the one process.
            if sent == signal.SIGINT:
                os.killpg(process.pid, sent)
            else:
                process.send_signal(sent)
            said, _ = process.communicate(timeout=PATIENCE)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == code, said
    assert not [pid for pid in pids if is_running(pid)], said
    assert ready.exists()
    assert left(benchmarks) == []
    assert len(benchmarks.runs("state")) == 1


@linux
def test_a_frozen_worker_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchdb.clusters import local
    from benchdb.clusters.workers import connected, count_workers, restart, run_on_workers

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    keywords = {"n_workers": 1, "memory_limit": "500MB"}
    with local.running(keywords) as cluster, connected(cluster) as client:
        (pid,) = client.run(os.getpid).values()
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(UserError, match=r"within 0.1 seconds: tcp://.* \(no answer in 0.1 s\)"):
            run_on_workers(client, os.getpid, timeout=0.1)
        restart(cluster, client, 1, timeout=PATIENCE)
        assert count_workers(client) == 1
        assert list(client.run(os.getpid).values()) != [pid]
    assert not is_running(pid)
    assert list(tmp_path.iterdir()) == []


@linux
def test_workers_that_do_not_go_are_killed_and_named_and_the_next_test_gets_others(
    benchmarks: Suite,
) -> None:
    write(benchmarks, "test_lingering", LINGERING)

    done = benchmarks.run("benchmarks", "--cluster-kwargs=one.yaml")

    done.assert_outcomes(passed=2)
    done.stdout.fnmatch_lines(
        [
            "cluster: before *test_two: the cluster's workers didn't restart (TypeError*",
            "cluster: before *test_two: workers didn't end within 1 seconds and were killed*",
        ]
    )
    pids = list(map(int, (benchmarks.folder / "pids").read_text().split()))
    assert len(set(pids)) == 2
    assert not [pid for pid in pids if is_running(pid)]
    assert left(benchmarks) == []


@linux
def test_what_is_interrupted_as_it_starts_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from distributed import LocalCluster

    from benchdb.clusters import local

    made: list[Any] = []
    init = LocalCluster.__init__

    def interrupted(self: Any, *given: Any, **named: Any) -> None:
        made.append(self)
        init(self, *given, **named)
        raise KeyboardInterrupt

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(local, "known_keywords", lambda: ["n_workers"])
    monkeypatch.setattr(LocalCluster, "__init__", interrupted)
    with pytest.raises(KeyboardInterrupt), local.running({"n_workers": 1}):
        raise AssertionError("the block ran")
    (cluster,) = made
    assert (cluster.status.name, cluster.scheduler.status.name) == ("closed", "closed")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("where", "keywords", "said"),
    [
        ("local", "n_workers: '2'", "n_workers: '2' is no whole number above 0"),
        ("local", "n_workers: 0", "n_workers: 0 is no whole number above 0"),
        ("local", "memory_limit: lots", "memory_limit: 'lots' is no size, such as 4GiB"),
        ("local", "start_timeout: soon", "start_timeout: 'soon' is no time above 0"),
        ("tcp://127.0.0.1:9", "start_timeout: -1", "start_timeout: -1 is no time above 0"),
        ("tcp://127.0.0.1:9", "n_workers: 1.5", "n_workers: 1.5 is no whole number above 0"),
    ],
)
def test_values_of_keywords_that_make_no_sense_are_a_line(
    tmp_path: Path, where: str, keywords: str, said: str
) -> None:
    from benchdb.clusters.where import keywords_from, running

    path = tmp_path / "cluster_kwargs.yaml"
    path.write_text(f"default: {{{keywords}}}\n")
    given = keywords_from(read_where(where), path)
    with pytest.raises(UserError, match=f"^{said}"), running(read_where(where), given):
        raise AssertionError("it started")


# -- by address


@linux
def test_a_scheduler_that_does_not_answer_is_a_line_in_time() -> None:
    from distributed.client import default_client

    from benchdb.clusters.workers import connected

    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        address = f"tcp://127.0.0.1:{deaf.getsockname()[1]}"
        before = threading.active_count()
        with (
            pytest.raises(UserError, match=f"^no scheduler answers at {address} within 0.5 sec"),
            connected(address, timeout=0.5),
        ):
            raise AssertionError("it connected")
    assert threading.active_count() == before
    with pytest.raises(ValueError, match=r"clients? found"):
        default_client()


@contextlib.contextmanager
def by_command(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Start a scheduler and a worker as at a prompt; give the scheduler's address and process."""
    from benchdb.clusters.workers import connected, wait_for_workers

    told = folder / "scheduler.json"
    dask = [sys.executable, "-m", "dask"]
    file = ["--scheduler-file", str(told)]
    port = ["--port", "0", "--host", "127.0.0.1", "--no-dashboard"]
    worker = ["--nthreads", "1", "--memory-limit", "600MB", "--no-dashboard"]
    processes = []
    with contextlib.ExitStack() as stack:
        for command in (["scheduler", *port], ["worker", *worker]):
            process = stack.enter_context(
                subprocess.Popen(
                    [*dask, *command, *file],
                    cwd=folder,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            )
            stack.callback(process.terminate)
            processes.append(process)
            wait_for(lambda: told.exists() or processes[0].poll() is not None)
        address = str(json.loads(told.read_text())["address"])
        with connected(address, timeout=PATIENCE) as client:
            wait_for_workers(client, 1, timeout=PATIENCE)
        yield address, processes[0]


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a scheduler that was started by command, with one worker."""
    with by_command(tmp_path_factory.mktemp("cluster")) as (address, _):
        yield address


@linux
def test_a_scheduler_that_is_killed_is_a_line_at_once(tmp_path: Path) -> None:
    from benchdb.clusters.workers import connected, run_on_workers

    with by_command(tmp_path) as (address, scheduler), connected(address) as client:
        threading.Timer(0.3, scheduler.kill).start()
        with pytest.raises(UserError, match=r"\((it is gone|CommClosedError)"):
            run_on_workers(client, lambda: time.sleep(1000), timeout=1000)


BY_ADDRESS = """
from distributed import WorkerPlugin

def test_leaves_things(small_client, scratch, cluster_kind):
    class Counter(WorkerPlugin):
        name = "counter"

    assert cluster_kind == "address"
    small_client.register_plugin(Counter())
    small_client.persisted = small_client.submit(pow, 2, 10, key="left")
    def write():
        with open(f"{scratch}/file", "x") as file:
            file.write("x")
    small_client.submit(write).result()
    assert os.listdir(scratch) == ["file"]

def test_finds_nothing(small_client, memory):
    def plugins(dask_scheduler):
        return list(dask_scheduler.worker_plugins), list(dask_scheduler.tasks)
    held, tasks = small_client.run_on_scheduler(plugins)
    assert "counter" not in held
    assert tasks == []
    assert memory == 600_000_000
"""


def test_a_cluster_by_address_is_used_cleared_and_left_running(
    benchmarks: Suite, started: str
) -> None:
    from benchdb.clusters.workers import connected

    write(benchmarks, "test_by_address", BY_ADDRESS)
    with connected(started) as client:
        before = client.run(os.getpid)

    done = benchmarks.run("benchmarks", "--benchmark", f"--cluster={started}")

    done.assert_outcomes(passed=2)
    with connected(started) as client:
        assert client.run(os.getpid) == before
    assert benchmarks.query("select kind, workers, threads, memory_limit from cluster") == [
        ("address", 1, 1, 600_000_000)
    ]
    assert left(benchmarks) == []


def test_too_few_workers_at_an_address_are_a_line_and_so_is_no_scheduler(
    benchmarks: Suite, started: str
) -> None:
    write(benchmarks, "test_few", "def test_one(small_client): pass\n")
    (benchmarks.folder / "many.yaml").write_text("default: {n_workers: 7, start_timeout: 1}\n")
    for address, said in {
        started: "didn't have 7 workers within 1 seconds (it has 1)",
        "tcp://127.0.0.1:9": "no scheduler answers at tcp://127.0.0.1:9 within 1 seconds",
    }.items():
        done = benchmarks.run("benchmarks", f"--cluster={address}", "--cluster-kwargs=many.yaml")
        done.assert_outcomes(errors=1)
        done.stdout.fnmatch_lines([f"*{said.replace('[', '?')}*"])


def test_a_cluster_of_no_kind_is_refused(benchmarks: Suite) -> None:
    done = benchmarks.run("benchmarks", "--cluster=cloud")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert "give local, coiled, or the address of a scheduler" in done.stderr.str()


# -- on Coiled


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of the stand-in for Coiled's server."""
    command = [sys.executable, str(HERE / "coiled_server.py")]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.kill()


ON_COILED = """
default:
  coiled:
    credentials: null
    n_workers: 1
    package_sync_strict: false
    environ: {API_TOKEN: hunter2hunter2, DATABASE: "postgresql://me:secret@host/db", MODE: fast}
"""


@pytest.mark.skipif(
    importlib.util.find_spec("coiled") is None, reason="Coiled's client is not installed here"
)
def test_on_coiled_a_module_has_a_cluster_and_what_it_was_given_is_kept_without_secrets(
    benchmarks: Suite, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "DASK_COILED__SERVER": server,
        "DASK_COILED__TOKEN": TOKEN,
        "DASK_CONFIG": str(benchmarks.folder),
        "HOME": str(benchmarks.folder),
        "LEAVING": str(benchmarks.folder / "leaving"),
        "SSL_CERT_FILE": str(benchmarks.folder / "none.pem"),
        "PYTHONPATH": os.pathsep.join([str(HERE / "coiled_guard"), str(HERE)]),
        "COILED_SOFTWARE_NAME": "team/nightly",
        "GITHUB_ACTIONS": "true",
        "GITHUB_RUN_ID": "4711",
    }.items():
        monkeypatch.setenv(name, value)
    (benchmarks.folder / "mine.yaml").write_text(ON_COILED)
    write(benchmarks, "test_a", STARTED + "def test_two(small_client): pass\n")

    done = benchmarks.run(
        "benchmarks", "--benchmark", "--cluster=coiled", "--cluster-kwargs=mine.yaml"
    )

    done.assert_outcomes(passed=2)
    assert not (benchmarks.folder / "leaving").exists()
    with urllib.request.urlopen(f"{server}/asked") as answer:
        asked = json.load(answer)
    started = [
        one["body"]
        for one in asked
        if one["method"] == "POST" and one["path"].endswith("/clusters/account/team/")
    ]
    # The stand-in's worker has no nanny, so the second test gets another cluster.
    assert len(started) == len([one for one in asked if one["method"] == "DELETE"]) == 2
    done.stdout.fnmatch_lines(
        ["cluster: 1 of the workers have no nanny*: each test gets a cluster of its own"]
    )
    made = started[0]
    assert made["tags"]["module"] == "test_a"
    assert made["tags"]["GITHUB_RUN_ID"] == "4711"
    assert made["env_name"] == "team/nightly"
    (url,) = set(benchmarks.query("select url from artifact where kind = 'cluster_kwargs' limit 1"))
    kept = (benchmarks.folder / url).read_text()
    for said in ("software: team/nightly", "GITHUB_RUN_ID: '4711'", "MODE: fast", "API_TOKEN"):
        assert said in kept
    assert "hunter2" not in kept
    assert "secret" not in kept


# -- what options and files say


@pytest.mark.portable
@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("local", Where("local")),
        ("coiled", Where("coiled")),
        ("tcp://10.0.0.1:8786", Where("address", "tcp://10.0.0.1:8786")),
        ("tls://host:8786", Where("address", "tls://host:8786")),
        ("ucx://host:8786", Where("address", "ucx://host:8786")),
        ("wss://host/dask", Where("address", "wss://host/dask")),
        ("host:8786", Where("address", "host:8786")),
        ("[::1]:8786", Where("address", "[::1]:8786")),
    ],
)
def test_a_cluster_is_named_by_its_kind_or_address(text: str, where: Where) -> None:
    assert read_where(text) == where


@pytest.mark.portable
@pytest.mark.parametrize("text", ["", "cloud", "http://host:8786", "tcp://", "8786", "host"])
def test_what_names_no_cluster_is_refused(text: str) -> None:
    with pytest.raises(WrongSetting, match="give local, coiled, or the address"):
        read_where(text)


@pytest.mark.portable
def test_what_stands_under_a_kind_holds_for_it_alone(tmp_path: Path) -> None:
    pytest.importorskip("yaml")
    base, override = tmp_path / "base.yaml", tmp_path / "override.yaml"
    base.write_text(
        "default: {local: {n_workers: 2}, coiled: {n_workers: 9, region: x}}\n"
        "small: \nlarge: {n_workers: 50, local: {memory_limit: 4GiB}}\n"
    )
    override.write_text("default: {n_workers: 3}\n")
    known = ["n_workers", "memory_limit"]
    assert read_keywords(base, "small", known=known, kind="local") == {"n_workers": 2}
    assert read_keywords(base, "large", known=known, kind="local") == {
        "n_workers": 50,
        "memory_limit": "4GiB",
    }
    assert read_keywords(base, ("absent", "small"), override=override, kind="coiled") == {
        "n_workers": 3,
        "region": "x",
    }
    override.write_text("large: {n_workers: 7}\nnew: {n_workers: 5}\n")
    with pytest.raises(UserError, match="has no section new"):
        read_keywords(base, ("new", "small"), override=override)
    assert read_keywords(
        base, ("new", "large"), override=override, others=["new"], kind="local"
    ) == {"n_workers": 5, "memory_limit": "4GiB"}
    base.write_text("default: {local: 3}\n")
    with pytest.raises(UserError, match="the section default, local, must hold keywords"):
        read_keywords(base, kind="local")


@pytest.mark.portable
def test_secrets_are_hidden_wherever_they_stand_in_a_tree() -> None:
    tree = {
        "tags": {"team": "x"},
        "credentials": {"user": "me"},
        "environ": {"API_TOKEN": "abc", "URL": "https://me:word@host/"},
        "items": [1, None, True, "plain"],
        "token": 12345,
        "preload_argv": ["--password", "abc", "--host", "h", "MYPASS=abc"],
        "command": "run --password abc --host h",
        "tokens": {"a": "abc"},
    }
    assert redact_tree(tree, environ={}) == {
        "tags": {"team": "x"},
        "credentials": "***",
        "environ": {"API_TOKEN": "***", "URL": "https://***@host/"},
        "items": [1, None, True, "plain"],
        "token": "***",
        "preload_argv": ["--password", "***", "--host", "h", "MYPASS=***"],
        "command": "run --password *** --host h",
        "tokens": "***",
    }
