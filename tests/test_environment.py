"""The fingerprint is equal where times compare, and differs where they don't."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace

import pytest

from benchdb.collect.environment import (
    FIELDS,
    cpu_model_of,
    environment,
    host,
    platform_name,
)
from benchdb.errors import WrongSetting
from benchdb.keys import fingerprinted
from benchdb.records import Environment

pytestmark = pytest.mark.portable

MACHINE = Environment("", "AMD EPYC 7763", 4, 16, "Linux", "x86_64", "CPython", "3.12")


def in_another_process(tmp_path, **variables):
    code = (
        "import json, dataclasses; from benchdb.collect.environment import environment\n"
        "print(json.dumps(dataclasses.asdict(environment())))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, **variables},
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    return json.loads(printed)


def test_two_processes_on_one_machine_have_one_fingerprint(tmp_path):
    here = environment()
    there = in_another_process(tmp_path, PYTHONHASHSEED="1", USER="somebody", LC_ALL="C")
    assert there == {**asdict(here), "extra": []}
    assert len(here.fingerprint) == 16


def test_every_field_tells_one_machine_from_another():
    others = [replace(MACHINE, **{field: None}) for field in FIELDS]
    others.append(replace(MACHINE, memory_gib=32))
    others.append(replace(MACHINE, extra=(("host", "a"),)))
    fingerprints = {fingerprinted(machine).fingerprint for machine in [MACHINE, *others]}
    assert len(fingerprints) == len(others) + 1


def test_a_fingerprint_is_the_same_in_every_release():
    assert fingerprinted(MACHINE).fingerprint == "e99077b1a5c5dcf2"


def test_the_fields_are_those_of_this_process():
    found = environment()
    assert found.python_minor == f"{sys.version_info.major}.{sys.version_info.minor}"
    assert found.python_implementation == "CPython"
    assert found.cpu_count is not None
    assert found.memory_gib is not None
    assert 1 <= found.memory_gib < 100_000
    assert platform_name() == sys.platform


def test_a_removed_field_is_none_and_no_longer_counts():
    found = environment(("-cpu_model", "-memory_gib"))
    assert found.cpu_model is None
    assert found.memory_gib is None
    assert found.fingerprint != environment().fingerprint
    assert found.fingerprint == environment(("-memory_gib", "-cpu_model")).fingerprint


def test_a_variable_and_the_host_can_be_added():
    small = environment(("env:RUNNER",), {"RUNNER": "small"})
    large = environment(("env:RUNNER",), {"RUNNER": "large"})
    assert small.extra == (("env:RUNNER", "small"),)
    assert small.fingerprint != large.fingerprint
    assert environment(("env:RUNNER",), {}).extra == (("env:RUNNER", ""),)
    assert environment(("host",)).extra == (("host", host()),)


def test_a_secret_variable_is_not_recorded():
    assert environment(("env:API_TOKEN",), {"API_TOKEN": "abc"}).extra == (
        ("env:API_TOKEN", "***"),
    )


@pytest.mark.parametrize("entry", ["cpu_model", "-host", "env:", "-nonsense", "", "+host"])
def test_an_unknown_entry_says_what_is_known(entry):
    with pytest.raises(WrongSetting, match=r"fingerprint does not know .*-cpu_model"):
        environment((entry,))


X86 = """\
processor\t: 0
model name\t: Intel(R) Xeon(R) Platinum 8370C CPU @ 2.80GHz
cpu MHz\t\t: {mhz}

processor\t: 1
model name\t: another
"""
ARM = """\
processor\t: 0
BogoMIPS\t: 243.75
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x3
CPU part\t: 0xd0c
"""
POWER = "processor\t: 0\ncpu\t\t: POWER9, altivec supported\nclock\t\t: {mhz}MHz\n"


def test_a_cpu_has_the_name_that_its_kernel_gives():
    assert cpu_model_of(X86.splitlines()) == "Intel(R) Xeon(R) Platinum 8370C CPU @ 2.80GHz"
    assert cpu_model_of(ARM.splitlines()) == "ARM implementer 0x41 part 0xd0c"
    assert cpu_model_of(POWER.splitlines()) == "POWER9, altivec supported"
    assert cpu_model_of([]) is None


@pytest.mark.parametrize("cpuinfo", [X86, POWER])
def test_the_live_frequency_does_not_count(cpuinfo):
    slow, fast = cpuinfo.format(mhz="1200.000"), cpuinfo.format(mhz="3400.123")
    assert cpu_model_of(slow.splitlines()) == cpu_model_of(fast.splitlines())
