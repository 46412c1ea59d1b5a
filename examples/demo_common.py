"""What the acts of the demo share: its runs, its one error, and how a line is printed."""

import sys
from collections.abc import AsyncIterator

from attrs import field, frozen

import eventflow as ef

PATIENCE = 90.0
"""Seconds after which a run that has not ended is taken for lost."""


class DoesNotHold(Exception):
    """Something that eventflow promises was not so."""


@frozen
class HeldJob:
    """A stage of a run that a worker had in hand when it was killed."""

    worker: str
    document: str
    run: ef.Run
    stage: str
    token: int
    version: int


@frozen
class Demo:
    """What the acts share.

    Attributes:
        runtime: Access to the store; this process never executes a stage itself.
        session: Tells the runs of this demo from others in the same store.
        runs: The runs of this demo, by document.
    """

    runtime: ef.Runtime
    session: str
    runs: dict[str, ef.Run] = field(factory=dict)


async def all_runs(
    runtime: ef.Runtime, session: str | None = None
) -> AsyncIterator[tuple[ef.Run, ef.Status]]:
    """List the runs of one session, or of the whole store, page by page."""
    metadata = None if session is None else {"session": session}
    after = None
    while True:
        page = await runtime.runs(metadata=metadata, limit=100, after=after)
        for row in page.items:
            yield runtime.run(row.run_id), row.status
        after = page.next
        if after is None:
            break


def title(text: str) -> None:
    """Begin an act."""
    print(f"\n{text}\n{'=' * len(text)}\n", flush=True)


class Progress:
    """A bar on a terminal; elsewhere, a line whenever a tenth more is done."""

    def __init__(self) -> None:
        self._terminal = sys.stdout.isatty()
        self._shown = -1

    def show(self, done: int, total: int) -> None:
        """Show how many of all are done."""
        tenths = 10 * done // total
        filled = "#" * (40 * done // total)
        line = f"[{filled:<40}] {done:3} of {total} runs completed"
        if self._terminal:
            print(f"\r{line}", end="\n" if done == total else "", flush=True)
        elif tenths != self._shown:
            print(line, flush=True)
        self._shown = tenths

    def interrupt(self, text: str) -> None:
        """Say something between two states of the bar."""
        if text:
            print(("\n" if self._terminal else "") + text, flush=True)
