"""Several stores side by side, driven step by step by Hypothesis: they agree on every answer.

The memory store is the model. Each other store is used through several handles in turn, as by
several processes, and closed and opened again in between.
"""

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from eventflow.store.contract import Store
from eventflow.store.memory import MemoryStore
from eventflow.testing.conformance.play import Play
from eventflow.testing.conformance.script import Step, appends, dues, queries, reads, renewals
from eventflow.testing.conformance.support import NewPlace, OpenStore

T = TypeVar("T")

HANDLES = 2

FEWEST, MOST = 10, 100
"""How often the stores are driven, by the profile of Hypothesis: each time takes new places."""


class SideBySide(RuleBasedStateMachine):
    """Does the same on all stores.

    Args:
        places: Makes a new, empty place of each store, by the store's name.
    """

    def __init__(self, places: Mapping[str, NewPlace]) -> None:
        super().__init__()
        self._places = places
        self._loop = asyncio.Runner()
        self._play = Play(MemoryStore(), {})
        self._open: dict[str, OpenStore] = {}
        self._handles: list[dict[str, Store]] = []

    @initialize()
    def begin(self) -> None:
        """Open some handles on each store."""
        self._open = {name: place() for name, place in self._places.items()}
        self._handles = [self._do(self._open_all()) for _ in range(HANDLES)]

    @rule(step=appends | dues | renewals | queries | reads, handle=st.integers(0, HANDLES - 1))
    def step(self, step: Step, handle: int) -> None:
        """Do one thing through one handle of each store."""
        self._play.stores = self._handles[handle]
        self._do(self._play.step(step))

    @rule(handle=st.integers(0, HANDLES - 1))
    def open_again(self, handle: int) -> None:
        """Close a handle of each store, and open another one."""
        self._do(_close(self._handles[handle]))
        self._handles[handle] = {}
        self._handles[handle] = self._do(self._open_all())

    @rule(handle=st.integers(0, HANDLES - 1))
    def look(self, handle: int) -> None:
        """Compare everything there is, through one handle of each store."""
        self._play.stores = self._handles[handle]
        self._do(self._play.compare_everything())

    def teardown(self) -> None:
        """Close all handles."""
        try:
            for handles in self._handles:
                self._do(_close(handles))
        finally:
            self._loop.close()

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run(work)

    async def _open_all(self) -> dict[str, Store]:
        return {name: await open_store() for name, open_store in self._open.items()}


async def _close(handles: Mapping[str, Store]) -> None:
    for store in handles.values():
        await store.close()


def assert_side_by_side(places: Mapping[str, NewPlace]) -> None:
    """Drive stores side by side with the model until they disagree, or Hypothesis has enough.

    Each entry of `places` makes a new, empty place of one store; what it gives opens one more
    handle on that place.

    Raises:
        AssertionError: Naming the store that disagrees, with the steps that lead there.
    """

    class Machine(SideBySide):
        def __init__(self) -> None:
            super().__init__(places)

    run_state_machine_as_test(
        Machine,
        settings=settings(
            deadline=None,
            max_examples=min(max(settings().max_examples // 5, FEWEST), MOST),
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.differing_executors],
        ),
    )


class SideBySideConformance:
    """A store and the model agree step by step, through several handles that come and go.

    A subclass gives the fixture `new_place`.
    """

    def test_agrees_step_by_step(self, new_place: NewPlace) -> None:
        """Every answer is that of the memory store, whichever handle gives it."""
        assert_side_by_side({"the store": new_place})
