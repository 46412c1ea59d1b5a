"""Connections that are cut at any byte, also after COMMIT was sent and before its answer."""

import random
from collections.abc import Iterator

import pytest
from attrs import evolve

from eventflow.store.contract import Appended, Conflict, Renewal
from eventflow.testing.builders import Author, at
from eventflow_postgres import PostgresStore, connect
from tests.postgres import without_postgres
from tests.postgres_server import PostgresNotFound, Server, running_server
from tests.stores.postgres.build import new_id, operation
from tests.stores.postgres.proxy import Proxy, proxy_to


@pytest.fixture(scope="module")
def tcp_server() -> Iterator[Server]:
    """Give a server that listens on loopback."""
    try:
        with running_server(tcp=True) as started:
            yield started
    except PostgresNotFound:
        without_postgres()


def url_through(proxy: Proxy, server: Server, **parameters: str) -> str:
    """Write the URL of the server behind the proxy."""
    url = server.url(tcp=True, sslmode="disable", schema=f"s{new_id()[:8]}", **parameters)
    return url.replace(f":{server.port}/", f":{proxy.port}/")


async def test_an_answer_that_never_arrives_is_given_again(tcp_server: Server) -> None:
    """The append was durable when its answer was cut off: the caller gets the true verdicts."""
    async with proxy_to(tcp_server.port) as proxy:
        store = await connect(url_through(proxy, tcp_server))
        run_id = new_id()
        assert await store.append([operation(run_id, 0)]) == [Appended(1, 1)]
        proxy.cut_after = 0
        batch = [operation(run_id, 1, 2, key="k"), operation(run_id, 7)]
        assert await store.append(batch) == [Appended(3, 3), Conflict(3)]
        assert proxy.cuts == 1
        assert len(await store.read([run_id])) == 3
        await store.close()


@pytest.mark.parametrize("parameters", [{}, {"statement_cache_size": "0"}], ids=["cache", "plain"])
@pytest.mark.parametrize(
    ("seed", "rounds"), [(1, 25), pytest.param(2, 1000, marks=pytest.mark.deep)]
)
async def test_appends_survive_cuts_at_random_bytes(
    tcp_server: Server, parameters: dict[str, str], seed: int, rounds: int
) -> None:
    """Wherever the connection is cut, each operation is appended once and answered truly."""
    chance = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
    async with proxy_to(tcp_server.port) as proxy:
        store = await connect(url_through(proxy, tcp_server, **parameters))
        run_id = new_id()
        for expected in range(0, 2 * rounds, 2):
            proxy.cut_after = chance.randrange(600)
            assert await store.append([operation(run_id, expected, 2)]) == [
                Appended(expected + 2, expected + 2)
            ]
        assert proxy.cuts > rounds // 4
        await check_gapless(store, run_id, 2 * rounds)
        await store.close()


async def test_a_renewal_whose_answer_never_arrives_is_no_loss(tcp_server: Server) -> None:
    """The claim still holds when the renewal is made again; what was given back stays so."""
    async with proxy_to(tcp_server.port) as proxy:
        store = await connect(url_through(proxy, tcp_server, pool_size="1"))
        author = Author()
        await store.append([author.create(), author.claim()])
        beat = Renewal(author.run_id, "a", author.token("a"), at(100))
        assert await store.renew([beat]) == []
        proxy.cut_after = 0
        assert await store.renew([evolve(beat, due_at=at(200))]) == []
        assert await store.due(at(199), None, 10) == []
        proxy.cut_after = 0
        await store.renew([evolve(beat, due_at=at(30), leased=False)])
        (job,) = await store.due(at(30), None, 10)
        assert (job.token, job.leased) == (beat.token, False)
        assert proxy.cuts == 2
        await store.close()


async def test_a_blob_whose_answer_never_arrives_is_kept(tcp_server: Server) -> None:
    """It is put once, whichever of the answers was cut, and can be read through cuts as well."""
    async with proxy_to(tcp_server.port) as proxy:
        store = await connect(url_through(proxy, tcp_server, pool_size="1"))
        await store.now()
        for bytes_left in range(0, 200, 20):
            data = bytes([bytes_left]) * 1_000
            proxy.cut_after = bytes_left
            key = await store.blobs.put(data)
            proxy.cut_after = bytes_left
            assert await store.blobs.get(key) == data
        proxy.cut_after = None
        assert proxy.cuts > 10
        assert len(await store.blobs.list()) == 10
        await store.close()


async def check_gapless(store: PostgresStore, run_id: str, events: int) -> None:
    """See that the log holds the events of one run, each once and in order."""
    log = await store.read_all(0, 2 * events)
    assert [event.position for event in log] == list(range(1, events + 1))
    assert [event.version for event in await store.read([run_id])] == list(range(1, events + 1))
