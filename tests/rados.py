"""A cluster of Ceph's by hand: one monitor, one store in memory, and radosgw before it."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from servers import await_port, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

_SETTINGS = """
[global]
fsid = {fsid}
mon initial members = a
mon host = {monitor}
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
osd objectstore = memstore
memstore device bytes = 1073741824
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
public network = 127.0.0.0/8
ms bind ipv6 = false
run dir = {folder}
admin socket = {folder}/$name.asok
log file = {folder}/$name.log
pid file = {folder}/$name.pid
mon data = {folder}/mon
osd data = {folder}/osd
keyring = {folder}/keyring
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:{port}
rgw data = {folder}/rgw
"""

_CAPABILITIES = {
    "mon.": ("--cap", "mon", "allow *"),
    "client.admin": ("--cap", "mon", "allow *", "--cap", "osd", "allow *"),
    "osd.0": ("--cap", "mon", "allow profile osd", "--cap", "osd", "allow *"),
    "client.rgw": ("--cap", "mon", "allow rwx", "--cap", "osd", "allow rwx"),
}


@contextlib.contextmanager
def ceph(key: str, secret: str) -> Iterator[str]:
    """Start all of it, give the endpoint, and end it."""
    # Not below pytest's folder: the names of its sockets have a limit.
    folder = Path(tempfile.mkdtemp(prefix="ceph"))
    cluster = _Cluster(folder)
    try:
        yield cluster.start(key, secret)
    finally:
        cluster.end()
        shutil.rmtree(folder, ignore_errors=True)


class _Cluster:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._daemons: list[subprocess.Popen[bytes]] = []

    def start(self, key: str, secret: str) -> str:
        folder, fsid, port = self._folder, str(uuid.uuid4()), free_port()
        monitor = f"[v2:127.0.0.1:{free_port()},v1:127.0.0.1:{free_port()}]"
        settings = _SETTINGS.format(fsid=fsid, monitor=monitor, folder=folder, port=port)
        (folder / "ceph.conf").write_text(settings)
        for name in ("mon", "osd", "rgw"):
            (folder / name).mkdir()
        (folder / "keyring").touch()
        for name, capabilities in _CAPABILITIES.items():
            self._run("ceph-authtool", folder / "keyring", "--gen-key", "-n", name, *capabilities)
        addresses = ("--fsid", fsid, "--addv", "a", monitor)
        self._run("monmaptool", "--create", *addresses, folder / "monmap")
        self._run(*["ceph-mon", "--mkfs", "-i", "a", "--monmap"], folder / "monmap")
        self._daemon(*["ceph-mon", "-i", "a"])
        disk = str(uuid.uuid4())
        self._run("ceph", "osd", "new", disk)
        self._run(*["ceph-osd", "-i", "0", "--mkfs", "--osd-uuid"], disk)
        self._daemon(*["ceph-osd", "-i", "0"])
        gateway = self._daemon(*["radosgw", "-n", "client.rgw"])
        self._run(
            *["radosgw-admin", "user", "create", "--uid", "benchdb", "--display-name", "benchdb"],
            *("--access-key", key, "--secret-key", secret),
        )
        await_port(port, gateway)
        return f"http://127.0.0.1:{port}"

    def end(self) -> None:
        for daemon in reversed(self._daemons):
            daemon.kill()
            daemon.wait()

    def _settings(self, program: str) -> list[str]:
        if program in {"ceph-authtool", "monmaptool"}:
            return []
        return ["-c", str(self._folder / "ceph.conf"), "-k", str(self._folder / "keyring")]

    def _run(self, *command: str | Path) -> None:
        program, *rest = map(str, command)
        subprocess.run(
            [program, *self._settings(program), *rest],
            check=True,
            capture_output=True,
            timeout=120,
            cwd=self._folder,
        )

    def _daemon(self, *command: str) -> subprocess.Popen[bytes]:
        program, *rest = command
        daemon = subprocess.Popen(
            [program, *self._settings(program), *rest, "-f"],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._daemons.append(daemon)
        return daemon
