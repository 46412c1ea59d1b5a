"""A process that appends to a store and says which operations it was told are durable.

Run it as `python -m tests.stores.sqlite.worker URL BATCHES SIZE`.
"""

import asyncio
import sys

from eventflow.store.contract import Appended
from eventflow.testing.builders import Author
from eventflow_sqlite import connect


async def main(url: str, batches: int, size: int) -> None:
    """Create runs, batch after batch, and write each run id once its events are durable."""
    store = await connect(url)
    for _ in range(batches):
        authors = [Author() for _ in range(size)]
        verdicts = await store.append([author.create() for author in authors])
        assert all(isinstance(verdict, Appended) for verdict in verdicts)
        sys.stdout.write("".join(f"{author.run_id}\n" for author in authors))
        sys.stdout.flush()
    await store.close()


asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
