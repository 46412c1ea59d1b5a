"""Backup and recovery as the guide tells them: what comes back is a sound log that goes on."""

import asyncio
import shutil
from collections.abc import Iterator

import asyncpg
import pytest

import eventflow as ef
from eventflow.runtime.verification import verify_store
from eventflow.store.contract import StoredEvent
from eventflow_postgres import connect
from tests.postgres import without_postgres
from tests.postgres_server import PostgresNotFound, Server, running_server

ALL = 10_000


@ef.stage
async def double(ctx: ef.StageContext[int]) -> int:
    """Double the number, and leave something large."""
    await ctx.storage.save("large", "x" * 100_000)
    return ctx.input * 2


DOUBLING = ef.define_workflow("doubling", input=int).pipe(double).build()


@pytest.fixture
def server() -> Iterator[Server]:
    """Give a server that keeps its write-ahead log in an archive."""
    try:
        with running_server(
            fsync=True, settings={"archive_mode": "on", "archive_command": "cp %p ../archive/%f"}
        ) as started:
            archive = started.folder / "archive"
            archive.mkdir()
            if started.user is not None:
                shutil.chown(archive, started.user)
            yield started
    except PostgresNotFound:
        without_postgres()


async def work(url: str, *numbers: int) -> list[StoredEvent]:
    """Execute runs of some numbers, and give the whole log."""
    async with ef.Runtime(url, [DOUBLING]) as runtime:
        await runtime.start()
        for number in numbers:
            run = await runtime.create_run("doubling", number, idempotency_key=f"number {number}")
            assert await run.result(timeout=30) == 2 * number
    store = await connect(url)
    log = await store.read_all(0, ALL)
    await store.close()
    return log


async def check(url: str, log: list[StoredEvent]) -> None:
    """See that a store holds this log and all rows, blobs and guards, and goes on behind it."""
    store = await connect(url)
    assert await store.read_all(0, ALL) == log
    assert (await verify_store(store)).events == len(log)
    (key,) = await store.blobs.list()
    assert len(await store.blobs.get(key)) > 100_000
    await store.close()
    connection = await asyncpg.connect(url)
    for table in ("events", "blobs"):
        with pytest.raises(asyncpg.RestrictViolationError):
            await connection.execute(f"TRUNCATE eventflow.{table}")
    await connection.close()
    later = await work(url, 1, 99)
    assert later[: len(log)] == log
    assert [event.position for event in later] == list(range(1, len(later) + 1))
    assert {event.run_id for event in later} == {
        *(event.run_id for event in log),
        later[-1].run_id,
    }


async def test_a_dump_comes_back_whole(server: Server) -> None:
    """`pg_dump` and `pg_restore` move the log, its rows, its blobs and what guards them."""
    log = await work(server.url(), 1, 2, 3)
    place = ("-h", str(server.socket_folder), "-p", str(server.port), "-U", "postgres")
    server._checked("pg_dump", *place, "-Fc", "-f", "dump", "postgres")
    admin = await asyncpg.connect(server.url())
    await admin.execute("CREATE DATABASE restored")
    await admin.close()
    server._checked("pg_restore", *place, "-d", "restored", "--exit-on-error", "dump")
    await check(server.url("restored"), log)


async def test_a_log_that_was_brought_back_to_a_moment_ends_there(server: Server) -> None:
    """A base backup and the archive give the log of that moment, to the last event."""
    source = f"host={server.socket_folder} port={server.port} user=postgres"
    server._checked("pg_basebackup", "-D", "base", "-d", source, "-c", "fast")
    log = await work(server.url(), 1, 2, 3)
    admin = await asyncpg.connect(server.url())
    moment = await admin.fetchval("SELECT clock_timestamp()")
    await asyncio.sleep(0.05)
    assert len(await work(server.url(), 4, 5)) > len(log)
    await admin.execute("SELECT pg_switch_wal()")
    await admin.close()
    server.stop()
    shutil.move(server.data, server.folder / "lost")
    shutil.move(server.folder / "base", server.data)
    server.configure(
        {
            "restore_command": "cp ../archive/%f %p",
            "recovery_target_time": str(moment),
            "recovery_target_action": "promote",
        }
    )
    (server.data / "recovery.signal").touch()
    server.start()
    await check(server.url(), log)
