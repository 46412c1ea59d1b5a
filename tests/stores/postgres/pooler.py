"""Runs a real PgBouncer before a server of the tests, where the machine has one."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import define, field

from tests.postgres_server import SUPERUSER, Server, with_parameters

MISSING = "no PgBouncer: the program pgbouncer was not found; on Debian, apt-get install pgbouncer"


@define
class Pooler:
    """A PgBouncer on loopback, owned by whoever started it."""

    program: str
    folder: Path
    port: int
    user: str | None
    _process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    def url(self, **parameters: str) -> str:
        """Write the URL of the database behind it."""
        base = f"postgresql://{SUPERUSER}@127.0.0.1:{self.port}/{SUPERUSER}"
        return with_parameters(base, sslmode="disable", **parameters)

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        account = pwd.getpwnam(self.user) if self.user else None
        self._process = subprocess.Popen(
            (self.program, "-q", str(self.folder / "pgbouncer.ini")),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=account and account.pw_uid,
            group=account and account.pw_gid,
            extra_groups=[] if account else None,
        )
        for _ in range(500):
            with contextlib.suppress(ConnectionRefusedError), socket.socket() as probe:
                probe.connect(("127.0.0.1", self.port))
                return
            assert self._process.poll() is None, (self.folder / "log").read_text()
            time.sleep(0.02)
        raise TimeoutError("PgBouncer takes no connections")

    def kill(self) -> None:
        """Let it die without a word."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(timeout=30)


@contextlib.contextmanager
def pooled(server: Server, mode: str, **settings: str) -> Iterator[Pooler]:
    """Run a PgBouncer in some mode before a server, or skip the test that needs one."""
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        pytest.skip(MISSING)
    folder = Path(tempfile.mkdtemp(prefix="ef-pool-", dir="/tmp"))
    pooler = Pooler(program, folder, free_port(), server.user)
    try:
        write_configuration(pooler, server, {"pool_mode": mode} | settings)
        pooler.start()
        yield pooler
    finally:
        pooler.kill()
        shutil.rmtree(folder)


def write_configuration(pooler: Pooler, server: Server, settings: dict[str, str]) -> None:
    """Write what PgBouncer reads, where its user can read it."""
    lines = {
        "listen_addr": "127.0.0.1",
        "listen_port": str(pooler.port),
        "unix_socket_dir": "",
        "auth_type": "trust",
        "auth_file": str(pooler.folder / "users"),
        "logfile": str(pooler.folder / "log"),
        "default_pool_size": "3",
        "server_login_retry": "0.1",
    } | settings
    (pooler.folder / "users").write_text(f'"{SUPERUSER}" ""\n')
    (pooler.folder / "pgbouncer.ini").write_text(
        f"[databases]\n* = host={server.socket_folder} port={server.port}\n[pgbouncer]\n"
        + "".join(f"{name} = {value}\n" for name, value in lines.items())
    )
    if pooler.user is not None:
        for path in (pooler.folder, *pooler.folder.iterdir()):
            shutil.chown(path, pooler.user)


def free_port() -> int:
    """Find a port on loopback that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
