"""Every scenario on every store, in virtual time."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

import eventflow as ef
from eventflow.store.contract import Store
from eventflow.store.registry import open_store
from eventflow.testing.clock import ManualClock


@pytest.fixture(params=["memory", "sqlite"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty store."""
    urls = {"memory": "memory://", "sqlite": f"sqlite:///{tmp_path}/log.db?synchronous=NORMAL"}
    return urls[request.param]


@pytest.fixture
def clock() -> ManualClock:
    """The time of the test; it moves only when the test moves it."""
    return ManualClock()


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    """An empty store."""
    opened = await open_store(store_url)
    yield opened
    await opened.close()


Open = Callable[..., Any]


@pytest.fixture
async def open_runtime(store: Store, clock: ManualClock) -> AsyncIterator[Open]:
    """Opens runtimes on the one store, as if each were a process of its own."""
    async with AsyncExitStack() as stack:

        async def opened(*workflows: ef.Workflow[Any, Any], **options: Any) -> ef.Runtime:  # noqa: ANN401 - those of Runtime
            runtime = ef.Runtime(clock.watch(store), workflows, clock=clock, **options)
            return await stack.enter_async_context(runtime)

        yield opened
