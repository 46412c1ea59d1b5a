"""What the store does when connections, the server or a whole process go away."""

import asyncio
import ssl
import sys
from collections import Counter
from collections.abc import Iterator
from socket import gaierror

import asyncpg
import pytest

from eventflow.errors import StoreUnavailable
from eventflow.store.contract import Appended, Operation
from eventflow_postgres import PostgresStore, connect
from eventflow_postgres.address import parse_address
from eventflow_postgres.connections import unavailable
from eventflow_postgres.failures import Remedy, remedy_for
from tests.postgres import without_postgres
from tests.postgres_server import (
    ROOT,
    PostgresNotFound,
    Server,
    environment,
    running_server,
    url_of_hosts,
    with_parameters,
)
from tests.stores.postgres.build import START, new_id, operation

OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE application_name = $1 AND pid <> pg_backend_pid()"
)
APPEND_IN_ANOTHER_PROCESS = """
import asyncio, sys
from eventflow_postgres import connect
from tests.stores.postgres.build import new_id, operation

async def main(url):
    store = await connect(url)
    for _ in range(20):
        await store.append([operation(new_id(), 0, 2) for _ in range(5)])
    await store.close()

asyncio.run(main(sys.argv[1]))
"""


@pytest.fixture
def server() -> Iterator[Server]:
    """Give a server of its own, which survives a crash."""
    try:
        with running_server(fsync=True) as started:
            yield started
    except PostgresNotFound:
        without_postgres()


async def test_a_cut_connection_is_made_again(
    store: PostgresStore, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """After the server has cut every connection, appends and reads go on."""
    run_id = new_id()
    await store.append([operation(run_id, 0)])
    await admin.execute(OTHERS.replace("$1", "'eventflow'"))
    assert await store.append([operation(run_id, 1)]) == [Appended(2, 2)]
    await admin.execute(OTHERS.replace("$1", "'eventflow'"))
    assert len(await store.read([run_id])) == 2


async def test_an_append_whose_answer_was_lost_is_answered_truly(
    postgres_url: str, store: PostgresStore, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """The same operations, appended again over another connection, give the first verdicts."""
    run_id = new_id()
    batch = [operation(run_id, 0, 2, key="once"), operation(run_id, 2), operation(run_id, 9)]
    first = await store.append(batch)
    await store.append([operation(run_id, 3)])
    await admin.execute(OTHERS.replace("$1", "'eventflow'"))
    assert await store.append(batch[:2]) == first[:2]
    other = await connect(postgres_url)
    assert await other.append(batch[:2]) == first[:2]
    await other.close()
    assert len(await store.read_all(0, 100)) == 4


async def test_a_dead_database_is_not_an_empty_queue(server: Server) -> None:
    """While the server is down every method raises, and afterwards the store works again."""
    store = await connect(server.url(retry_timeout="0.3"))
    try:
        server.stop()
        with pytest.raises(StoreUnavailable):
            await store.due(START, None, 10)
        with pytest.raises(StoreUnavailable):
            await store.append([operation(new_id(), 0)])
        server.start()
        assert await store.due(START, None, 10) == []
    finally:
        await store.close()


async def test_an_append_waits_for_a_database_that_comes_back(server: Server) -> None:
    """A restart of the server within the retry time is not seen by the caller."""
    store = await connect(server.url(retry_timeout="30"))
    try:
        server.stop("immediate")
        appending = asyncio.create_task(store.append([operation(new_id(), 0)]))
        await asyncio.to_thread(server.start)
        assert await appending == [Appended(1, 1)]
    finally:
        await store.close()


async def test_no_error_shows_the_password(server: Server) -> None:
    """The error of a database that is away names the URL without its password."""
    url = server.url(retry_timeout="0.1").replace("postgres@", "postgres:topsecret@")
    server.stop()
    with pytest.raises(StoreUnavailable) as caught:
        await connect(url)
    assert "topsecret" not in str(caught.value)
    assert caught.value.__cause__ is None


async def append_runs(store: PostgresStore, acknowledged: list[Operation], batches: int) -> None:
    """Append some batches of runs, and remember what was acknowledged."""
    for _ in range(batches):
        batch = [operation(new_id(), 0, 3) for _ in range(10)]
        verdicts = await store.append(batch)
        assert all(isinstance(verdict, Appended) for verdict in verdicts)
        acknowledged.extend(batch)


async def until_appended(acknowledged: list[Operation], enough: int) -> None:
    """Wait until so many operations were acknowledged."""
    while len(acknowledged) < enough:  # noqa: ASYNC110 - `append_runs` tells in no other way
        await asyncio.sleep(0)


async def test_nothing_acknowledged_is_lost_in_a_crash(server: Server) -> None:
    """The server crashes twice under load; each acknowledged append is there exactly once."""
    stores = [await connect(server.url(retry_timeout="30")) for _ in range(3)]
    acknowledged: list[Operation] = []
    load = asyncio.gather(*(append_runs(store, acknowledged, 150) for store in stores))
    for enough in (100 * 10, 250 * 10):
        await until_appended(acknowledged, enough)
        await asyncio.to_thread(server.stop, "immediate")
        assert not load.done(), "the load ended before the crash"
        await asyncio.to_thread(server.start)
    await load
    await check_each_once(stores[0], acknowledged, 3 * 150 * 10)
    for store in stores:
        await store.close()


async def check_each_once(store: PostgresStore, acknowledged: list[Operation], count: int) -> None:
    """See that the log holds the three events of each operation, and nothing else."""
    log = await store.read_all(0, 1_000_000)
    assert len(acknowledged) == count
    assert [event.position for event in log] == list(range(1, 3 * count + 1))
    counted = Counter(event.op_id for event in log)
    assert {counted[each.op_id] for each in acknowledged} == {3}


async def test_an_append_that_met_a_deadlock_is_made_again(
    store: PostgresStore, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """Somebody else locks rows in another order: the append gives way, and comes back."""
    run_id = new_id()
    await store.append([operation(run_id, 0)])
    async with admin.transaction():
        await admin.execute("SELECT FROM heads WHERE run_id = $1 FOR UPDATE", run_id)
        appending = asyncio.create_task(store.append([operation(run_id, 1)]))
        await asyncio.sleep(0.3)
        await admin.execute("SELECT FROM counter FOR UPDATE")
    assert await appending == [Appended(2, 2)]


@pytest.mark.deep
async def test_an_append_waits_for_one_that_is_stuck(
    store: PostgresStore, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """Longer than the server lets it wait for a lock at a time, and no longer than it has to."""
    async with admin.transaction():
        await admin.execute("SELECT FROM counter FOR UPDATE")
        appending = asyncio.create_task(store.append([operation(new_id(), 0)]))
        await asyncio.sleep(5.5)
        assert not appending.done()
    assert await asyncio.wait_for(appending, 5) == [Appended(1, 1)]


async def test_a_session_of_another_isolation_is_refused(
    postgres_url: str, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """Positions would not be those of commits: the error says what is needed, at once."""
    role = f"strict_{new_id()[:8]}"
    await admin.execute(f'CREATE ROLE "{role}" LOGIN SUPERUSER')
    await admin.execute(f'ALTER ROLE "{role}" SET default_transaction_isolation = serializable')
    url = with_parameters(postgres_url, user=role, statement_cache_size="0")
    pooled = await connect(url.replace("postgres@", ""))
    try:
        with pytest.raises(StoreUnavailable, match="append needs READ COMMITTED"):
            await pooled.append([operation(new_id(), 0)])
        assert await pooled.read_all(0, 10) == []
    finally:
        await pooled.close()
        await admin.execute(f'DROP OWNED BY "{role}"; DROP ROLE "{role}"')


async def test_several_processes_leave_no_gap(store: PostgresStore, postgres_url: str) -> None:
    """Positions are gapless, also when several processes append at the same time."""
    command = (sys.executable, "-c", APPEND_IN_ANOTHER_PROCESS, postgres_url)
    running = [
        await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment())
        for _ in range(3)
    ]
    assert [await process.wait() for process in running] == [0, 0, 0]
    log = await store.read_all(0, 10_000)
    assert [event.position for event in log] == list(range(1, 601))


async def test_a_host_that_is_read_only_is_passed_over(server: Server) -> None:
    """Of several hosts the store finds the one that can be written."""
    with running_server(primary=server) as standby:
        store = await connect(url_of_hosts(standby, server))
        try:
            assert await store.append([operation(new_id(), 0)]) == [Appended(1, 1)]
        finally:
            await store.close()


async def test_nothing_acknowledged_is_lost_in_a_failover(server: Server) -> None:
    """The primary dies under load and a synchronous standby takes over: the store finds it."""
    with running_server(primary=server, fsync=True) as standby:
        server.configure({"synchronous_standby_names": "*"})
        server.reload()
        store = await connect(url_of_hosts(server, standby, retry_timeout="30"))
        acknowledged: list[Operation] = []
        load = asyncio.create_task(append_runs(store, acknowledged, 200))
        await until_appended(acknowledged, 50 * 10)
        await asyncio.to_thread(server.stop, "immediate")
        assert not load.done(), "the load ended before the failover"
        await asyncio.to_thread(standby.promote)
        await load
        await check_each_once(store, acknowledged, 200 * 10)
        await store.close()


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (asyncpg.SerializationError("x"), Remedy.REPEAT),
        (asyncpg.DeadlockDetectedError("x"), Remedy.REPEAT),
        (asyncpg.LockNotAvailableError("x"), Remedy.REPEAT),
        (ConnectionRefusedError(), Remedy.RECONNECT),
        (TimeoutError(), Remedy.RECONNECT),
        (asyncpg.AdminShutdownError("x"), Remedy.RECONNECT),
        (asyncpg.CannotConnectNowError("x"), Remedy.RECONNECT),
        (asyncpg.TooManyConnectionsError("x"), Remedy.RECONNECT),
        (asyncpg.DiskFullError("x"), Remedy.RECONNECT),
        (asyncpg.ReadOnlySQLTransactionError("x"), Remedy.RECONNECT),
        (asyncpg.InterfaceError("connection is closed"), Remedy.RECONNECT),
        (asyncpg.PostgresIOError("x"), Remedy.RECONNECT),
        (asyncpg.ProtocolViolationError("server conn crashed?"), Remedy.RECONNECT),
        (asyncpg.ProtocolViolationError("unsupported startup parameter: jit"), Remedy.GIVE_UP),
        (asyncpg.InvalidSQLStatementNameError("x"), Remedy.GIVE_UP),
        (asyncpg.DuplicatePreparedStatementError("x"), Remedy.GIVE_UP),
        (asyncpg.InvalidPasswordError("x"), Remedy.GIVE_UP),
        (asyncpg.InsufficientPrivilegeError("x"), Remedy.GIVE_UP),
        (asyncpg.UndefinedTableError("x"), Remedy.GIVE_UP),
        (ssl.SSLCertVerificationError("x"), Remedy.GIVE_UP),
        (asyncpg.NotNullViolationError("x"), Remedy.RAISE),
        (asyncpg.DataError("x"), Remedy.RAISE),
        (TypeError("x"), Remedy.RAISE),
    ],
)
def test_each_error_has_its_remedy(error: Exception, remedy: Remedy) -> None:
    """What may pass is tried again, what cannot change is told, and a mistake is never hidden."""
    assert remedy_for(error) is remedy


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (ConnectionRefusedError(111, "Connect call failed ('::1', 5432)"), "does the server run"),
        (OSError("Multiple exceptions: Connect call failed (...)"), "does the server run"),
        (gaierror(-2, "Name or service not known"), "is the host in the URL spelled right"),
    ],
)
def test_a_server_that_is_not_there_is_explained(error: Exception, advice: str) -> None:
    """The error says what to look at."""
    assert advice in str(unavailable(parse_address("postgresql://h/db"), error))


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.ProtocolViolationError("unsupported startup parameter: jit"),
        asyncpg.InvalidSQLStatementNameError("prepared statement does not exist"),
    ],
)
def test_a_pooler_that_needs_another_url_is_explained(error: Exception) -> None:
    """What a pooler in transaction mode does not bear says what to add to the URL."""
    told = unavailable(parse_address("postgresql://h/db"), error)
    assert "add statement_cache_size=0 to the URL" in str(told)


def test_a_pooler_whose_server_is_away_is_not_explained_away() -> None:
    """It uses the same code for that, and nothing in the URL would help."""
    error = asyncpg.ProtocolViolationError("server conn crashed?")
    told = unavailable(parse_address("postgresql://h/db"), error)
    assert str(told) == "postgresql://h/db: ProtocolViolationError: server conn crashed?"
