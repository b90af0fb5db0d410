"""Where the suite in benchmarks/ writes files: at a URL that the workers see, or nowhere."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from servers import moto_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servers import S3Server
    from suites import Suite

pytest.importorskip("distributed")
pytest.importorskip("pyarrow")

SUITE = Path(__file__).parent.parent / "benchmarks"

#: In this process, a cluster takes little time to start.
LEAN = "default: {local: {processes: false, n_workers: 2, memory_limit: 1GiB}}"
ONE_PROCESS = "default: {local: {n_workers: 1}}"

#: Workloads that read and write files in every way that there is.
WORKLOADS = (
    *("benchmarks/test_csv.py", "benchmarks/test_zarr.py", "benchmarks/test_parquet.py"),
    *("-k", "csv or rechunk or write_wide or zstd or read_long"),
)


@pytest.fixture
def benchmarks(suite: Suite) -> Suite:
    shutil.copytree(
        SUITE, suite.folder / "benchmarks", ignore=shutil.ignore_patterns("self", "__pycache__")
    )
    (suite.folder / "lean.yaml").write_text(LEAN)
    return suite


def run(benchmarks: Suite, *arguments: str) -> pytest.RunResult:
    given = ("--benchmark-scale=0.01", "--cluster-kwargs=lean.yaml", "-W", "ignore")
    return benchmarks.run(*given, *arguments)


@pytest.mark.long
def test_files_are_written_at_a_url_and_gone_afterwards(benchmarks: Suite) -> None:
    folder = benchmarks.folder / "seen by all"
    folder.mkdir()
    done = run(benchmarks, f"--scratch=file://{folder.as_posix()}", *WORKLOADS)
    assert set(done.parseoutcomes()) <= {"passed", "skipped", "deselected", "warnings"}
    assert done.parseoutcomes()["passed"] >= 4
    assert list(folder.iterdir()) == []


@pytest.fixture
def bucket(aws: pytest.MonkeyPatch) -> Iterator[tuple[S3Server, str]]:
    if importlib.util.find_spec("s3fs") is None:
        pytest.skip("s3fs is not installed here")
    with moto_server() as server:
        aws.setenv("AWS_ENDPOINT_URL", server.url)
        yield server, server.bucket()


@pytest.mark.long
def test_files_are_written_in_s3_and_gone_afterwards(
    benchmarks: Suite, bucket: tuple[S3Server, str]
) -> None:
    server, name = bucket
    done = run(benchmarks, f"--scratch=s3://{name}/of/mine", *WORKLOADS)
    assert set(done.parseoutcomes()) <= {"passed", "skipped", "deselected", "warnings"}
    assert done.parseoutcomes()["passed"] >= 4
    assert "Contents" not in server.client().list_objects_v2(Bucket=name)

    done = run(benchmarks, "--scratch=s3://no-such-bucket/of/mine", *WORKLOADS[:1])
    done.stdout.fnmatch_lines(["nothing can be written at s3://no-such-bucket/of/mine (*): *"])
    assert "Traceback" not in done.stdout.str()
    assert len(server.client().list_buckets()["Buckets"]) == 1


#: A filesystem that this process has and the workers have not.
MINE = """
import fsspec
from fsspec.implementations.memory import MemoryFileSystem

class Mine(MemoryFileSystem):
    protocol = "mine"

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.replace("mine://", "memory://"))

fsspec.register_implementation("mine", Mine)
"""


@pytest.mark.parametrize(
    ("scratch", "said"),
    [
        ("memory://folder", "1 of 1 workers wrote what isn't found here"),
        ("mine://folder", "can't write there (ValueError: Protocol not known: mine"),
    ],
)
def test_what_the_workers_cannot_write_or_we_not_read_is_a_line(
    benchmarks: Suite, scratch: str, said: str
) -> None:
    benchmarks.write(conftest=MINE)
    (benchmarks.folder / "lean.yaml").write_text(ONE_PROCESS)
    test = benchmarks.folder / "benchmarks/test_process.py"
    test.write_text("def test_one(scratch, small_client): pass")
    done = run(benchmarks, f"--scratch={scratch}", "benchmarks/test_process.py")
    done.assert_outcomes(errors=1)
    assert said in done.stdout.str()
    assert "Traceback" not in done.stdout.str()


@pytest.mark.parametrize(
    ("scratch", "said"),
    [
        ("no/folder", "'no/folder' is no folder"),
        ("nothing://folder", "Protocol not known: nothing"),
        ("oci://bucket", "Install ocifs"),
        ("file:///", "names no folder"),
    ],
)
def test_a_scratch_that_is_none_is_refused(benchmarks: Suite, scratch: str, said: str) -> None:
    done = run(benchmarks, f"--scratch={scratch}", "benchmarks/test_spill.py")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines([f"ERROR: --scratch: *{said}*"])


def test_the_name_of_a_long_workload_or_a_part_of_it_runs_it(benchmarks: Suite) -> None:
    module = "benchmarks/stability/test_pressure.py"
    for word, is_chosen in {"Merge and not csv": True, "test": False}.items():
        done = run(benchmarks, "--collect-only", "-q", "-k", word, module)
        assert ("test_repeated_merge" in done.stdout.str()) == is_chosen, word
