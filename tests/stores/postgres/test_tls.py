"""TLS and passwords against a real server that insists on both; no password is ever shown."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from selectors import BaseSelector
from traceback import format_exception
from urllib.parse import quote

import asyncpg
import pytest
from attrs import frozen
from structlog.testing import capture_logs

import eventflow as ef
from eventflow.errors import StoreUnavailable
from eventflow.store.contract import Appended
from eventflow_postgres import PostgresStore, connect
from tests.postgres import without_postgres
from tests.postgres_server import PostgresNotFound, Server, running_server, with_parameters
from tests.stores.postgres.build import new_id, operation
from tests.stores.postgres.certificates import Authority, new_authority

PASSWORD = "p@ss/w:rd?#%41&=+ é'\""
FORMS = (PASSWORD, quote(PASSWORD, safe=""), quote(PASSWORD))
ACCESS = """
local all all trust
hostssl all machine 127.0.0.1/32 cert
hostssl all all 127.0.0.1/32 scram-sha-256
"""


@frozen
class Guarded:
    """A server that takes TLS alone from the network, and a password or a certificate."""

    server: Server
    authority: Authority
    stranger: Authority

    def url(self, user: str = "anna", *, host: str = "localhost", **parameters: str) -> str:
        """Write the URL of a new store for a user without a password."""
        schema = {"schema": f"tls_{new_id()[:8]}"}
        base = f"postgresql://{user}@{host}:{self.server.port}/postgres"
        return with_parameters(base, **(schema | parameters))


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """Start it with a certificate for localhost and for no address."""
    folder = tmp_path_factory.mktemp("certificates")
    authority, stranger = new_authority(folder, "authority"), new_authority(folder, "stranger")
    try:
        with running_server(tcp=True) as server:
            asyncio.run(make_users(server))
            guard(server, authority)
            yield Guarded(server, authority, stranger)
    except PostgresNotFound:
        without_postgres()


@pytest.fixture(autouse=True)
async def hung_up() -> AsyncIterator[None]:
    """Let a test's loop run until it watches no connection any more, only its own pipe.

    The driver lets go of a connection that the server refused over TLS, but the loop closes it
    when the server has done so: a loop that ends before leaves a socket open.
    """
    selector: BaseSelector = vars(asyncio.get_running_loop())["_selector"]
    yield
    while len(selector.get_map()) > 1:  # noqa: ASYNC110 - the server's process does it
        await asyncio.sleep(0.01)


async def make_users(server: Server) -> None:
    """Create a user with a password, and one without."""
    admin = await asyncpg.connect(server.url())
    try:
        password = PASSWORD.replace("'", "''")
        await admin.execute(f"CREATE ROLE anna LOGIN SUPERUSER PASSWORD '{password}'")
        await admin.execute("CREATE ROLE machine LOGIN SUPERUSER")
    finally:
        await admin.close()


def guard(server: Server, authority: Authority) -> None:
    """Let the server take TLS only, if it was built with it."""
    certificate, key = authority.sign("server", "localhost")
    for path in (certificate, key, authority.file):
        shutil.copy(path, server.data / path.name)
        if server.user is not None:
            shutil.chown(server.data / path.name, server.user)
    (server.data / "pg_hba.conf").write_text(ACCESS)
    names = {"ssl_cert_file": certificate, "ssl_key_file": key, "ssl_ca_file": authority.file}
    server.configure({"ssl": "on"} | {name: path.name for name, path in names.items()})
    server.stop()
    try:
        server.start()
    except RuntimeError as error:
        if "SSL is not supported" not in str(error):
            raise
        pytest.skip("this PostgreSQL was built without TLS")


@pytest.fixture
def password(monkeypatch: pytest.MonkeyPatch) -> str:
    """Give the password by the environment, as the driver takes it, and tell it."""
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    return PASSWORD


async def encrypted(store: PostgresStore) -> bool:
    """Tell whether a store speaks TLS."""
    (row,) = await store._connections.fetch(
        "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    )
    ssl: bool = row["ssl"]
    return ssl


@pytest.mark.parametrize(
    "sslmode", [None, "allow", "prefer", "require", "verify-ca", "verify-full"]
)
async def test_each_way_of_tls_is_taken(
    guarded: Guarded, password: str, sslmode: str | None
) -> None:
    """Also without a word about it, everything goes over TLS where the server wants it."""
    parameters = {} if sslmode is None else {"sslmode": sslmode}
    if sslmode in {"verify-ca", "verify-full"}:
        parameters["sslrootcert"] = str(guarded.authority.file)
    store = await connect(guarded.url(**parameters))
    try:
        assert await store.append([operation(new_id(), 0)]) == [Appended(1, 1)]
        assert await encrypted(store)
        waiting = asyncio.create_task(store.wait(1, 20))
        await asyncio.sleep(0.05)
        await store.append([operation(new_id(), 0)])
        assert await waiting == 2
    finally:
        await store.close()


@pytest.mark.parametrize(
    ("sslmode", "trusted", "host", "reason"),
    [
        ("disable", "authority", "localhost", "no encryption|SSL off"),
        ("verify-full", "stranger", "localhost", "CERTIFICATE_VERIFY_FAILED"),
        ("verify-ca", "stranger", "localhost", "CERTIFICATE_VERIFY_FAILED"),
        ("require", "stranger", "localhost", "CERTIFICATE_VERIFY_FAILED"),
        ("verify-full", "authority", "127.0.0.1", "IP address mismatch"),
    ],
)
@pytest.mark.usefixtures("password")
async def test_what_does_not_fit_is_refused_at_once(
    guarded: Guarded, sslmode: str, trusted: str, host: str, reason: str
) -> None:
    """Without a second try, since asking again changes nothing, and with the reason."""
    file = getattr(guarded, trusted).file
    url = guarded.url(host=host, sslmode=sslmode, sslrootcert=str(file), retry_timeout="600")
    async with asyncio.timeout(20):
        with pytest.raises(StoreUnavailable, match=reason):
            await connect(url)


async def test_the_name_of_the_host_counts_only_where_it_is_asked_for(
    guarded: Guarded, password: str
) -> None:
    """By its address, the server is trusted under verify-ca."""
    trusted = str(guarded.authority.file)
    store = await connect(guarded.url(host="127.0.0.1", sslmode="verify-ca", sslrootcert=trusted))
    assert await encrypted(store)
    await store.close()


async def test_a_client_certificate_takes_the_place_of_a_password(guarded: Guarded) -> None:
    """The usual parameters of the driver name it, and nobody else's will do."""
    parameters = {"sslmode": "verify-full", "sslrootcert": str(guarded.authority.file)}
    certificate, key = guarded.authority.sign("machine")
    url = guarded.url("machine", sslcert=str(certificate), sslkey=str(key), **parameters)
    store = await connect(url)
    assert await store.append([operation(new_id(), 0)]) == [Appended(1, 1)]
    await store.close()
    with pytest.raises(StoreUnavailable):
        await connect(guarded.url("machine", retry_timeout="0", **parameters))


def given_passwords(guarded: Guarded, folder: Path, password: str) -> dict[str, str]:
    """Write a password in all the places that a URL has for one."""
    file = folder / "passwords"
    file.touch(mode=0o600)
    file.write_text(f"localhost:{guarded.server.port}:*:anna:{password}\n", encoding="utf-8")
    return {
        "encoded": guarded.url(f"anna:{quote(password, safe='')}"),
        "hardly encoded": guarded.url(f"anna:{quote(password, safe=':&=+')}"),
        "parameter": guarded.url(password=password),
        "file": guarded.url(passfile=str(file)),
    }


@pytest.fixture(params=["encoded", "hardly encoded", "parameter", "file"])
def place(request: pytest.FixtureRequest) -> str:
    """Name a place for a password."""
    name: str = request.param
    return name


async def test_a_password_may_be_in_each_place(
    guarded: Guarded, tmp_path: Path, place: str
) -> None:
    """Also one of characters that mean something in a URL."""
    url = given_passwords(guarded, tmp_path, PASSWORD)[place]
    async with ef.Runtime(url, []) as runtime:
        assert (await runtime.runs()).items == ()
        for form in FORMS:
            assert form not in repr(runtime)
            assert form not in repr(ef.Settings(store_url=url))


@pytest.fixture
def refusals(guarded: Guarded, place: str, tmp_path: Path) -> list[str]:
    """Give the URLs that are refused for one reason or another, all with the right password."""
    url = given_passwords(guarded, tmp_path, PASSWORD)[place]
    return [
        url.replace("anna", "nobody"),
        url.replace("/postgres?", "/missing?"),
        with_parameters(url, sslmode="disable"),
        with_parameters(url.replace(str(guarded.server.port), "1"), retry_timeout="0"),
        with_parameters(url, shcema="x"),
        with_parameters(url, pool_size="many"),
        url.replace("localhost", "localhost:none,"),
    ]


async def test_no_refusal_shows_a_password(refusals: list[str]) -> None:
    """Neither the error, with all that is chained to it, nor a log, in whatever form."""
    for url in refusals:
        with capture_logs() as logs, pytest.raises(ef.EventflowError) as caught:
            async with ef.Runtime(url, []):
                pass
        told = "".join(format_exception(caught.value)) + repr(logs) + everything(caught.value)
        for form in FORMS:
            assert form not in told


def everything(error: BaseException | None) -> str:
    """Write what an error says, and what it came from, also what a traceback would leave out."""
    if error is None:
        return ""
    own = f"{error} {error!r} {error.args!r} {vars(error)!r}"
    return own + everything(error.__cause__) + everything(error.__context__)
