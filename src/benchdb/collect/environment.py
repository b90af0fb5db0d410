"""The machine, its operating system and its Python: what must be equal for times to compare."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from benchdb.collect.redaction import redact_value
from benchdb.errors import WrongSetting
from benchdb.keys import fingerprinted
from benchdb.records import Environment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: The fields that a fingerprint hashes unless the settings remove them.
FIELDS: Final = (
    "cpu_model",
    "cpu_count",
    "memory_gib",
    "os",
    "architecture",
    "python_implementation",
    "python_minor",
)

#: Where Linux names the CPU: x86 and 32-bit ARM, MIPS, POWER, RISC-V.
_CPU_KEYS: Final = ("model name", "cpu model", "cpu", "uarch")

_GIB: Final = 2**30


def environment(
    adjust: tuple[str, ...] = (), environ: Mapping[str, str] | None = None
) -> Environment:
    """Return the environment of this process.

    Nothing enters that differs between two runs on one machine or between equal machines: no
    packages, patch levels, kernel, host name or live clock frequency.

    Parameters
    ----------
    adjust
        ``[tool.benchdb] fingerprint``: ``"env:NAME"`` adds a variable's value (empty where it is
        not set), ``"host"`` the host's name, ``"-FIELD"`` removes one of `FIELDS`.
    environ
        Where variables are looked up; by default `os.environ`.

    Raises
    ------
    WrongSetting
        If an entry of `adjust` is none of these.
    """
    removed, extra = _adjustments(adjust, os.environ if environ is None else environ)
    measured = Environment(
        fingerprint="",
        cpu_model=cpu_model(),
        cpu_count=os.cpu_count(),
        memory_gib=_memory_gib(),
        os=platform.system() or sys.platform,
        architecture=platform.machine() or None,
        python_implementation=platform.python_implementation(),
        python_minor=f"{sys.version_info.major}.{sys.version_info.minor}",
        extra=extra,
    )
    return fingerprinted(replace(measured, **removed))


def platform_name() -> str:
    """Return the platform as Python names it: ``linux``, ``darwin``, ``win32``."""
    return sys.platform


def host() -> str | None:
    """Return the name of this machine."""
    return platform.node() or None


def _adjustments(
    adjust: tuple[str, ...], environ: Mapping[str, str]
) -> tuple[dict[str, Any], tuple[tuple[str, str], ...]]:
    removed: dict[str, Any] = {}
    extra = {}
    for entry in adjust:
        if entry.startswith("-") and entry[1:] in FIELDS:
            removed[entry[1:]] = None
        elif entry.startswith("env:") and len(entry) > len("env:"):
            name = entry.removeprefix("env:")
            extra[entry] = redact_value(name, environ.get(name, ""), environ)
        elif entry == "host":
            extra[entry] = host() or ""
        else:
            known = ", ".join(f'"-{name}"' for name in FIELDS)
            raise WrongSetting(
                f"[tool.benchdb] fingerprint does not know {entry!r}: "
                f'use "env:NAME", "host" or one of {known}'
            )
    return removed, tuple(sorted(extra.items()))


def cpu_model() -> str | None:
    """Return the CPU's model as the operating system names it, None where it doesn't."""
    return " ".join((_cpu_name() or "").split()) or None


def cpu_model_of(lines: Iterable[str]) -> str | None:
    """Return the model of the first core in the lines of a ``/proc/cpuinfo``."""
    core: dict[str, str] = {}
    for line in lines:
        key, colon, value = line.partition(":")
        if colon:
            core.setdefault(key.strip(), value.strip())
        elif core:
            break
    for key in _CPU_KEYS:
        if core.get(key):
            return core[key]
    if "CPU part" in core:
        # 64-bit ARM has only numbers. They stay numbers: a table of names would change the
        # fingerprint of a machine on the day it learns the machine's name.
        return f"ARM implementer {core.get('CPU implementer', '?')} part {core['CPU part']}"
    return None


if sys.platform == "win32":

    def _cpu_name() -> str | None:
        import winreg

        key = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"
        try:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key) as opened:
                return str(winreg.QueryValueEx(opened, "ProcessorNameString")[0])
        except OSError:
            return platform.processor()

    def _memory_bytes() -> int:
        import psutil

        return int(psutil.virtual_memory().total)

else:

    def _cpu_name() -> str | None:
        if platform.system() == "Darwin":
            return _macos_cpu_name() or platform.machine()
        try:
            # Up to the first blank line: the kernel makes each core's part when it is read.
            with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
                return cpu_model_of(lines)
        except OSError:
            return platform.processor()

    def _memory_bytes() -> int:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _macos_cpu_name() -> str | None:
    import subprocess

    try:
        return subprocess.run(
            ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None


def _memory_gib() -> int | None:
    """Return the machine's memory in GiB, rounded: equal machines differ by some megabytes."""
    try:
        return max(1, round(_memory_bytes() / _GIB))
    except (OSError, ValueError):
        return None
