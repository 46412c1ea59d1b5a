"""What the log says of subscriptions: their runs, their cursors, their dead letters; it only reads.

A subscription is a chain of runs of an internal workflow. One run of the chain is alive at a time;
when it has grown long it completes, and its output, the cursor, is the input of the next one. All
that happens to a subscription is annotated on the run that is alive.
"""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import TypeGuard

import msgspec
from attrs import asdict

from eventflow.core.events import LEASE_TIMEOUT, Event, LeaseExpired, RunAnnotated, RunCreated
from eventflow.core.frozen import frozen
from eventflow.core.projection import Projection
from eventflow.core.values import ErrorInfo
from eventflow.engine.own_runs import SUBSCRIPTION, holds_positions
from eventflow.errors import SubscriptionNotFound
from eventflow.runtime.listing import every_run
from eventflow.store.contract import RunQuery, Store, StoredEvent
from eventflow.store.envelope import Envelope, open_envelope

WORKFLOW = SUBSCRIPTION
STAGE = "deliver"
NAME = "subscription"
"""The key of the metadata under which a run has the name of its subscription."""

CURSOR = "subscription.cursor"
BEGUN = "subscription.begun"
DEAD_LETTER = "subscription.dead_letter"
REPLAY = "subscription.replay"
REPLAYED = "subscription.replayed"


@frozen
class Cursor:
    """How far a subscription has come.

    The last event that it is done with is named twice. Where the two names are not those of one
    event, the cursor is one of another log.

    Attributes:
        position: The position of that event; 0 before the first.
        run_id: Its run.
        version: Its version.
        open: How many dead letters there are that were not replayed.
    """

    position: int = 0
    run_id: str | None = None
    version: int = 0
    open: int = 0


@frozen
class DeadLetter:
    """An event that was set aside because its handler failed.

    Attributes:
        subscription: Whose handler failed.
        position: The position of the event when it was set aside; it names the dead letter.
        run_id: The run of the event.
        version: Its version.
        type: Its type.
        attempts: How often the handler was called.
        error: What it raised at last.
        set_aside_at: When, in the store's time.
    """

    subscription: str
    position: int
    run_id: str
    version: int
    type: str
    attempts: int
    error: ErrorInfo
    set_aside_at: datetime


@frozen
class _Letter:
    """What a note says of a dead letter; the rest of it is said by the note's envelope."""

    position: int
    run_id: str
    version: int
    type: str
    attempts: int
    error: ErrorInfo


@frozen
class Place:
    """An event of the log, by its position."""

    position: int


@frozen
class Standing:
    """What the history of a run says of its subscription.

    Attributes:
        cursor: How far it has come.
        died: Whether a process died since, so that one event may be the cause of it.
        begun: How often the event at a position was begun by processes that were watched for that.
    """

    cursor: Cursor
    died: bool
    begun: Mapping[int, int]


def id_of_run(name: str, number: int) -> str:
    """Name a run of the chain, from 1."""
    return f"{WORKFLOW}:{number}:{name}"


def subscription_of(run_id: str) -> str | None:
    """Give the subscription that a run belongs to, if it does."""
    return run_id.split(":", 2)[2] if holds_positions(run_id) else None


def standing(history: Sequence[Envelope]) -> Standing:
    """Fold what a run says of its subscription, whatever rewinds have cut."""
    cursor, died = Cursor(), False
    begun: Counter[int] = Counter()
    for envelope in history:
        match envelope.event:
            case RunCreated(input=given):
                cursor = msgspec.convert(given, Cursor)
            case RunAnnotated(key=key, value=value) if key == CURSOR:
                cursor, died = msgspec.convert(value, Cursor), False
            case RunAnnotated(key=key, value=value) if key == BEGUN:
                begun[msgspec.convert(value, Place).position] += 1
            case LeaseExpired(reason=reason) if reason == LEASE_TIMEOUT:
                died = True
            case _:
                pass
    return Standing(cursor, died, begun)


def cursor_note(cursor: Cursor) -> RunAnnotated:
    """Say how far a subscription has come."""
    return RunAnnotated(CURSOR, asdict(cursor))


def place_note(key: str, position: int) -> RunAnnotated:
    """Say something about the event at a position."""
    return RunAnnotated(key, asdict(Place(position)))


def dead_letter_note(stored: StoredEvent, attempts: int, error: ErrorInfo) -> RunAnnotated:
    """Set an event aside."""
    letter = _Letter(stored.position, stored.run_id, stored.version, stored.type, attempts, error)
    return RunAnnotated(DEAD_LETTER, asdict(letter))


def asks_for_replay(event: Event) -> TypeGuard[RunAnnotated]:
    """Tell whether somebody asks for a dead letter to be delivered once more."""
    return isinstance(event, RunAnnotated) and event.key == REPLAY


def replay_asked_by(event: Event) -> int | None:
    """Give the position of the dead letter whose replay an event asks for, if it does."""
    return msgspec.convert(event.value, Place).position if asks_for_replay(event) else None


async def newest_run(store: Store, name: str) -> Projection | None:
    """Give the rows of the last run of a chain, if there is one."""
    page = await store.runs(RunQuery(workflow_id=WORKFLOW, metadata={NAME: name}, limit=1))
    return page.items[0] if page.items else None


async def open_dead_letters(store: Store, name: str) -> AsyncIterator[DeadLetter]:
    """Yield the dead letters that were not replayed, the one that was set aside last first.

    It reads the chain back to the oldest of them, and one run if there is none.

    Raises:
        SubscriptionNotFound: The store has no such subscription.
    """
    left: int | None = None
    settled: set[int] = set()
    async for row in every_run(store, RunQuery(workflow_id=WORKFLOW, metadata={NAME: name})):
        history = [open_envelope(event) for event in await store.read([row.run_id])]
        if left is None:
            left = standing(history).cursor.open
        for envelope in reversed(history):
            letter = _settle(envelope, name, settled)
            if letter is not None:
                left -= 1
                yield letter
        if left <= 0:
            return
    if left is None:
        raise SubscriptionNotFound(
            f'The store has no subscription "{name}"; `runtime.runs(workflow="{WORKFLOW}")` lists '
            "the runs of those that it has"
        )


async def find_dead_letter(store: Store, name: str, position: int) -> DeadLetter | None:
    """Give the dead letter at a position, unless there is none or it was replayed."""
    async for letter in open_dead_letters(store, name):
        if letter.position == position:
            return letter
    return None


def _settle(envelope: Envelope, name: str, settled: set[int]) -> DeadLetter | None:
    """Give the dead letter that an event tells of, if it is the last word about that position."""
    event = envelope.event
    if not isinstance(event, RunAnnotated) or event.key not in (DEAD_LETTER, REPLAYED):
        return None
    position = msgspec.convert(event.value, Place).position
    if position in settled:
        return None
    settled.add(position)
    if event.key == REPLAYED:
        return None
    letter = msgspec.convert(event.value, _Letter)
    return DeadLetter(
        subscription=name,
        position=letter.position,
        run_id=letter.run_id,
        version=letter.version,
        type=letter.type,
        attempts=letter.attempts,
        error=letter.error,
        set_aside_at=envelope.recorded_at,
    )
