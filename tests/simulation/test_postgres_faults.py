"""PostgreSQL fails under whole workers: what it has acknowledged stays, and every run ends."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from random import Random

import pytest

from tests.postgres import without_postgres
from tests.postgres_server import PostgresNotFound, Server, running_server, url_of_hosts
from tests.simulation.clocks import skewed_hosts
from tests.simulation.weather import Strike, Weather, outlive
from tests.stores.postgres.proxy import Proxy, proxy_to

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(300)]

PATIENT = "30"
IMPATIENT = "0"
"""Seconds that the store tries again by itself; with none the runtime has to."""


def deep(cases: Iterable[tuple[object, ...]]) -> Iterator[object]:
    """Leave these cases to the deep tests."""
    return (pytest.param(*case, marks=pytest.mark.deep) for case in cases)


@pytest.fixture
def server() -> Iterator[Server]:
    """Give a server of its own, which survives a crash and listens on loopback."""
    try:
        with running_server(fsync=True, tcp=True) as started:
            yield started
    except PostgresNotFound:
        without_postgres()


@pytest.fixture
def pair() -> Iterator[tuple[Server, Server]]:
    """Give a primary that acknowledges nothing before its standby has it, and that standby."""
    try:
        with (
            running_server(fsync=True, settings={"synchronous_standby_names": "*"}) as primary,
            running_server(
                fsync=True, primary=primary, settings={"synchronous_standby_names": ""}
            ) as standby,
        ):
            yield primary, standby
    except PostgresNotFound:
        without_postgres()


@pytest.fixture
async def proxy(server: Server) -> AsyncIterator[Proxy]:
    """Give a proxy before the server."""
    async with proxy_to(server.port) as started:
        yield started


def crash_of(server: Server) -> Strike:
    """Stop a server as a power cut does, and start it again after a while."""

    async def strike(chance: Random) -> None:
        await asyncio.to_thread(server.stop, "immediate")
        await asyncio.sleep(chance.choice([0, chance.uniform(0, 1)]))
        await asyncio.to_thread(server.start)

    return strike


def cut_of(proxy: Proxy) -> Strike:
    """Cut all connections at some byte of what is asked or answered next, or right before it."""

    async def strike(chance: Random) -> None:
        cuts, bytes_left = proxy.cuts, chance.choice([0, chance.randrange(6000)])
        if chance.random() < 0.3:
            proxy.cut_asked_after = bytes_left
        else:
            proxy.cut_after = bytes_left
        for _ in range(100):
            if proxy.cuts > cuts:
                break
            await asyncio.sleep(0.01)
        proxy.cut_after = proxy.cut_asked_after = None

    return strike


def failover(primary: Server, standby: Server) -> Strike:
    """Kill a primary while much is under way, and let its standby take over."""

    async def strike(chance: Random) -> None:
        await asyncio.sleep(1)
        await asyncio.to_thread(primary.stop, "immediate")
        await asyncio.sleep(chance.uniform(0, 0.5))
        await asyncio.to_thread(standby.promote)

    return strike


@pytest.mark.parametrize(
    ("weather", "retry_timeout"),
    [
        (Weather(seed=1, strikes=3, pause=1.5, between=6), PATIENT),
        *deep(
            (Weather(seed, strikes=25, pause=2, between=6, rate=25, kills=0.3), PATIENT)
            for seed in range(2, 6)
        ),
        *deep(
            (Weather(seed, strikes=25, pause=2, between=6, rate=25), IMPATIENT)
            for seed in range(6, 10)
        ),
    ],
)
async def test_a_server_that_crashes_loses_nothing(
    server: Server, tmp_path: Path, weather: Weather, retry_timeout: str
) -> None:
    """Each acknowledged append is there once, and every run ends."""
    url = server.url(retry_timeout=retry_timeout)
    report = await outlive(url, tmp_path, weather, crash_of(server))
    assert report.runs >= weather.between * weather.strikes


@pytest.mark.parametrize(
    ("weather", "retry_timeout"),
    [
        (Weather(seed=1, strikes=10), IMPATIENT),
        *deep((Weather(seed, strikes=200, rate=25), IMPATIENT) for seed in range(2, 6)),
        *deep((Weather(seed, strikes=200, rate=25, kills=0.1), PATIENT) for seed in range(6, 10)),
    ],
)
async def test_connections_that_are_cut_lose_nothing(
    server: Server, proxy: Proxy, tmp_path: Path, weather: Weather, retry_timeout: str
) -> None:
    """Wherever they are cut, each acknowledged append is there once, and every run ends."""
    url = server.url(tcp=True, sslmode="disable", retry_timeout=retry_timeout)
    url = url.replace(f":{server.port}/", f":{proxy.port}/")
    report = await outlive(url, tmp_path, weather, cut_of(proxy))
    assert proxy.cuts > weather.strikes // 2
    assert report.runs >= weather.between * weather.strikes


@pytest.mark.parametrize(
    ("weather", "retry_timeout"),
    [
        (Weather(seed=1, strikes=1, between=11), PATIENT),
        *deep(
            (Weather(seed, strikes=1, between=11, rate=50, kills=0.5), PATIENT)
            for seed in range(2, 12)
        ),
        *deep((Weather(seed, strikes=1, between=11, rate=50), IMPATIENT) for seed in range(12, 22)),
    ],
)
async def test_a_standby_that_takes_over_has_everything(
    pair: tuple[Server, Server], tmp_path: Path, weather: Weather, retry_timeout: str
) -> None:
    """The workers find it by themselves, and go on where the primary was killed."""
    url = url_of_hosts(*pair, retry_timeout=retry_timeout)
    report = await outlive(url, tmp_path, weather, failover(*pair))
    assert report.runs >= weather.between * weather.strikes


@pytest.mark.parametrize(
    ("holder", "others", "leases"),
    [
        (300.0, [-300.0, 0.0], 1.2),
        *deep([(-300.0, [300.0, 0.0], 1.2)]),
        *deep((holder, [-300.0, 0.0, 300.0], 10.0) for holder in (-300.0, 0.0, 300.0)),
    ],
)
async def test_no_lease_is_taken_by_another_clock(
    postgres_url: str, tmp_path: Path, holder: float, others: list[float], leases: float
) -> None:
    """Hosts whose clocks differ by minutes share the time of the server."""
    await skewed_hosts(postgres_url, tmp_path, holder=holder, others=others, leases=leases)
