"""A process that forks while it has a store open: what both write must be in the file.

Run it as `python -m tests.stores.sqlite.forking URL`; it prints what went wrong, or nothing.
"""

import asyncio
import os
import sys
import threading
import traceback

from eventflow.testing.builders import Author
from eventflow_sqlite import connect

RUNS = 20


async def write(url: str, name: str) -> None:
    """Create runs through a store of one's own."""
    store = await connect(url)
    for number in range(RUNS):
        await store.append([Author(f"{name} {number}").create()])
    await store.close()


def be_the_child(url: str, name: str, go_on: int) -> None:
    """Write, and write again once the parent has closed the file."""
    code = 1
    try:
        asyncio.run(write(url, f"{name} first"))
        os.read(go_on, 1)
        asyncio.run(write(url, f"{name} later"))
        code = 0
    except BaseException:  # noqa: BLE001 - nobody else could tell
        traceback.print_exc()
    os._exit(code)


async def fork_under_load(url: str) -> None:
    """Fork while threads write and read, and while somebody waits for an append."""
    store = await connect(url)
    waiting = asyncio.create_task(store.wait(10**9, 30))
    writing = [asyncio.create_task(write(url, f"parent {number}")) for number in range(3)]
    children = []
    for number in range(3):
        await asyncio.sleep(0.02)
        reading, telling = os.pipe()
        pid = os.fork()
        if pid == 0:
            be_the_child(url, f"child {number}", reading)
        children.append((pid, telling))
        await store.append([Author(f"behind fork {number}").create()])
    await asyncio.gather(*writing)
    everything, seen = 2 * (6 * RUNS + 3), 0
    while seen < everything:
        seen = await store.wait(seen, 5)  # hears the children, too
    waiting.cancel()
    await store.close()
    for pid, telling in children:
        os.write(telling, b"x")
        _, status = await asyncio.to_thread(os.waitpid, pid, 0)
        assert status == 0, f"a child ended with {status}"


async def check(url: str) -> None:
    """Look for every run."""
    store = await connect(url)
    found = {event.run_id for event in await store.read_all(0, 10_000)}
    await store.close()
    expected = {f"behind fork {number}" for number in range(3)}
    for number in range(3):
        expected |= {f"parent {number} {each}" for each in range(RUNS)}
        for time in ("first", "later"):
            expected |= {f"child {number} {time} {each}" for each in range(RUNS)}
    assert found == expected, f"missing: {sorted(expected - found)}"


if __name__ == "__main__":
    asyncio.run(fork_under_load(sys.argv[1]))
    assert threading.active_count() == 1
    asyncio.run(check(sys.argv[1]))
