"""Renewals: what ends together is given back together, and nobody is told too early."""

import asyncio
from collections.abc import Sequence
from typing import cast

import pytest

from eventflow.errors import StoreUnavailable
from eventflow.runtime.renewing import Renewals
from eventflow.store.contract import Renewal, Store
from eventflow.testing.builders import START
from tests.engine.observed import settle


class SlowStore:
    """A store whose renewals wait until they are let go."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.go = asyncio.Event()
        self.failure: Exception | None = None

    async def renew(self, renewals: Sequence[Renewal]) -> list[Renewal]:
        """Wait, and then lose nothing."""
        self.asked.append([renewal.stage for renewal in renewals])
        await self.go.wait()
        if self.failure is not None:
            raise self.failure
        return []


def renewal(stage: str) -> Renewal:
    """Give a check back."""
    return Renewal("run", stage, 1, START, leased=False)


async def test_what_ends_meanwhile_shares_the_next_write() -> None:
    """One is under way at a time, and takes all that was waiting when it began."""
    store = SlowStore()
    renewals = Renewals(cast("Store", store))
    tasks = [asyncio.create_task(renewals.renew(renewal("a")))]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    tasks += [asyncio.create_task(renewals.renew(renewal(stage))) for stage in "bcd"]
    await asyncio.sleep(0)
    assert store.asked == [["a"]]
    assert not any(task.done() for task in tasks)
    store.go.set()
    await asyncio.gather(*tasks)
    assert store.asked == [["a"], ["b", "c", "d"]]


async def test_a_store_that_is_away_is_everybodys_error() -> None:
    """Each asks again as it sees fit; who was cancelled asks no more."""
    store = SlowStore()
    renewals = Renewals(cast("Store", store))
    tasks = [asyncio.create_task(renewals.renew(renewal(stage))) for stage in "abc"]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    tasks[0].cancel()
    store.failure = StoreUnavailable("away")
    store.go.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    kinds = [type(each) for each in found]
    assert kinds == [asyncio.CancelledError, StoreUnavailable, StoreUnavailable]
    store.failure = None
    await renewals.renew(renewal("d"))
    assert store.asked == [["a", "b", "c"], ["d"]]


async def test_who_cancels_all_tasks_leaves_no_renewal_waiting() -> None:
    """Whoever waits for a renewal hears that it was cut off, and the next one is made."""
    store = SlowStore()
    renewals = Renewals(cast("Store", store))
    before = asyncio.all_tasks()
    under_way = asyncio.create_task(renewals.renew(renewal("a")))
    await settle()
    (writer,) = asyncio.all_tasks() - before - {under_way}
    next_one = asyncio.create_task(renewals.renew(renewal("b")))
    await settle()
    writer.cancel()
    for cut_off in (under_way, next_one):
        with pytest.raises(StoreUnavailable, match="cancelled"):
            await cut_off
    store.go.set()
    await renewals.renew(renewal("c"))
