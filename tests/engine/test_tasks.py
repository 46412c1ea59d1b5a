"""The engine's own tasks begin behind whoever begins them, on every kind of loop."""

import asyncio
from typing import Any

import pytest

from eventflow.engine.commit import GroupCommit
from eventflow.engine.tasks import begin
from eventflow.testing.builders import Author
from tests.engine.observed import ObservedStore

EAGER: Any = getattr(asyncio, "eager_task_factory", None)
"""The factory of tasks that begin at once, where Python has it."""


def own_factory(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> asyncio.Task[Any]:  # noqa: ANN401 - as asyncio calls it
    """Make tasks as an application may."""
    return asyncio.Task(work, loop=loop, **options)


@pytest.fixture(params=[None, own_factory, EAGER], ids=["plain", "own", "eager"], autouse=True)
async def factory(request: pytest.FixtureRequest) -> None:
    """A loop with some factory of tasks."""
    if request.param is None and request.node.callspec.id == "eager":
        pytest.skip("Python 3.12 brought tasks that begin at once")
    asyncio.get_running_loop().set_task_factory(request.param)


async def test_a_task_is_known_before_it_begins() -> None:
    """So it may compare itself with what is remembered, and be waited for."""
    seen: list[bool] = []

    async def look() -> None:
        seen.append(asyncio.current_task() is task)

    task = begin(look(), "looking")
    assert (seen, task.get_name()) == ([], "looking")
    await task
    assert seen == [True]


async def test_what_is_appended_in_one_turn_is_one_transaction() -> None:
    """The first operation does not leave without the others."""
    store = ObservedStore()
    commit = GroupCommit(store, lambda *_: None)
    await asyncio.gather(*(commit.append(Author(f"run {n}").create()) for n in range(5)))
    assert [len(operations) for operations in store.appends] == [5]


async def test_an_error_of_a_task_that_nobody_awaits_is_reported() -> None:
    """At once, and not only when the task is collected; a cancellation is none."""
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, each: complaints.append(each))

    async def fail() -> None:
        raise OSError("away")

    failing, waiting = begin(fail(), "a failing task"), begin(asyncio.sleep(60), "a waiting task")
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({failing, waiting})
    ((message, error),) = [(each["message"], each["exception"]) for each in complaints]
    assert message == "The task a failing task failed"
    assert isinstance(error, OSError)
