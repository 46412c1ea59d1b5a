"""The store keeps the contract of eventflow; it is opened by its URL, as an application does."""

import asyncio
import sys
from functools import partial
from importlib.metadata import entry_points
from itertools import count
from pathlib import Path

import pytest

import eventflow_jsonl
from eventflow.store.registry import open_store
from eventflow.testing.builders import Author
from eventflow.testing.conformance import DurableStoreConformance


class TestJsonlStore(DurableStoreConformance):
    @pytest.fixture
    def new_place(self, tmp_path: Path):
        numbers = count()
        return lambda: partial(open_store, f"jsonl://{tmp_path}/{next(numbers)}")


def test_it_is_found_by_its_entry_point():
    """Eventflow opens it by URL, without knowing its name."""
    (entry,) = entry_points(group="eventflow.stores", name="jsonl")
    assert entry.load() is eventflow_jsonl.connect


@pytest.mark.asyncio
async def test_a_line_without_an_end_never_was(tmp_path: Path):
    """A process that dies while it writes leaves nothing that anybody sees."""
    author = Author()
    store = await open_store(f"jsonl://{tmp_path}/log")
    await store.append([author.create()])
    with (tmp_path / "log" / "log.jsonl").open("ab") as log:
        log.write(b'[{"type":"append","op_id":"torn"')
    assert len(await store.read_all(0, 10)) == 2
    await store.append([author.note()])
    await store.close()
    store = await open_store(f"jsonl://{tmp_path}/log")
    assert [event.version for event in await store.read([author.run_id])] == [1, 2, 3]
    await store.close()


APPENDING = """
import asyncio, sys
from eventflow.store.registry import open_store
from eventflow.testing.builders import Author

async def main():
    store = await open_store(sys.argv[1])
    for _ in range(50):
        author = Author()
        await store.append([author.create()])
        await store.append([author.claim(), author.complete()])
    await store.close()

asyncio.run(main())
"""


@pytest.mark.asyncio
async def test_processes_append_at_once(tmp_path: Path):
    """Nothing is lost, and positions have no gaps."""
    url = f"jsonl://{tmp_path}/log"
    begin = partial(asyncio.create_subprocess_exec, sys.executable, "-c", APPENDING, url)
    for process in [await begin() for _ in range(3)]:
        assert await process.wait() == 0
    store = await open_store(url)
    log = await store.read_all(0, 10_000)
    await store.close()
    assert [event.position for event in log] == list(range(1, 3 * 50 * 6 + 1))
