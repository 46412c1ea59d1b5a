"""Finds annotations in histories, of one run or of many; it reads, and never writes."""

from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import datetime
from typing import Any, Literal, TypeAlias, TypedDict

import attrs
from attrs import field

from eventflow.core.events import RunAnnotated, RunCreated, StageScheduled
from eventflow.core.frozen import frozen
from eventflow.core.state import effective as effective_history
from eventflow.core.values import JSON, Actor
from eventflow.definition.context import Scope
from eventflow.errors import InvalidInput
from eventflow.runtime.given import checked_text
from eventflow.runtime.listing import every_run
from eventflow.store.contract import RunQuery, Store, StoredEvent
from eventflow.store.envelope import Envelope, open_envelope

__all__ = ["Actor", "Annotation", "AnnotationFilter", "Scope", "Wanted"]

EVENTS_AT_ONCE = 2_000
"""So many events of several runs are read at once; a longer history is read alone."""

_ANNOTATED = "run.annotated"
_SCHEDULED = "stage.scheduled"
_REWOUND = "run.rewound"
_CREATED = "run.created"

Execution: TypeAlias = tuple[str, int]
"""A stage, and the generation in which it was scheduled."""


@frozen
class Annotation:
    """A fact that was attached to a run or to one of its stages.

    Attributes:
        run_id: The run.
        version: The version of the event.
        position: Its position in the store.
        recorded_at: When it was attached, in the store's time.
        recorded_by: Who attached it, as the envelope names it: a worker, or what a caller gave.
        key: The name of the fact.
        value: The fact.
        fields: What belongs to it.
        actor: Who says so, if that was given as more than a name.
        stage: The stage that it is about; None if it is about the run.
        generation: Of the execution of the stage that it is about, if that is known.
        attempt: Of that execution, if it is known.
    """

    run_id: str
    version: int
    position: int
    recorded_at: datetime
    recorded_by: str | None
    key: str
    value: JSON
    fields: dict[str, JSON]
    actor: Actor | None
    stage: str | None
    generation: int | None
    attempt: int | None

    @property
    def scope(self) -> Scope:
        """Whether it is about a stage or about the run."""
        return "run" if self.stage is None else "stage"


class AnnotationFilter(TypedDict, total=False):
    """What an annotation must be to be listed; what is left out is not asked for.

    Attributes:
        key: It has this key.
        prefix: Its key begins so.
        actor: It was recorded by this name, or it comes from this actor; an actor that is given
            without a version stands for all its versions.
        scope: It is about a run, or about a stage.
        stage: It is about this stage.
        since: It was recorded at this time or later.
        until: It was recorded before this time.
        effective: What it is about still counts: for a stage, no rewind has cut the execution
            that it speaks of; for a run, none has cut the annotation itself.
    """

    key: str | None
    prefix: str | None
    actor: str | Actor | None
    scope: Literal["run", "stage"] | None
    stage: str | None
    since: datetime | None
    until: datetime | None
    effective: bool


_Attribute: TypeAlias = "attrs.Attribute[Any]"


def _aware(_: object, attribute: _Attribute, value: object) -> None:
    if value is None:
        return
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise InvalidInput(
            f"{attribute.name}= needs a time with a time zone, such as "
            f"datetime(2026, 1, 1, tzinfo=UTC), not {value!r:.300}"
        )


def _text(_: object, attribute: _Attribute, value: object) -> None:
    if value is not None:
        checked_text(value, f"{attribute.name}=")


def _scope(_: object, attribute: _Attribute, value: object) -> None:
    if value not in (None, "run", "stage"):
        raise InvalidInput(f'{attribute.name}= is "run" or "stage", not {value!r:.300}')


def _actor(_: object, attribute: _Attribute, value: object) -> None:
    if value is not None and not isinstance(value, str | Actor):
        raise InvalidInput(
            f"{attribute.name}= is a name, or an Actor(kind, id, version), not {value!r:.300}"
        )


@frozen(kw_only=True)
class Wanted:
    """An `AnnotationFilter`, checked."""

    key: str | None = field(default=None, validator=_text)
    prefix: str | None = field(default=None, validator=_text)
    actor: str | Actor | None = field(default=None, validator=_actor)
    scope: Scope | None = field(default=None, validator=_scope)
    stage: str | None = field(default=None, validator=_text)
    since: datetime | None = field(default=None, validator=_aware)
    until: datetime | None = field(default=None, validator=_aware)
    effective: bool = False

    def fits(self, annotation: Annotation) -> bool:
        """Tell whether an annotation is what is asked for, whatever rewinds have cut."""
        return (
            (self.key is None or annotation.key == self.key)
            and (self.prefix is None or annotation.key.startswith(self.prefix))
            and (self.stage is None or annotation.stage == self.stage)
            and (self.scope is None or annotation.scope == self.scope)
            and (self.since is None or annotation.recorded_at >= self.since)
            and (self.until is None or annotation.recorded_at < self.until)
            and (self.actor is None or _comes_from(annotation, self.actor))
        )


def annotations_in(history: Sequence[StoredEvent], wanted: Wanted) -> list[Annotation]:
    """Find annotations in the whole history of a run, in the order in which they were recorded."""
    rewound = wanted.effective and any(event.type == _REWOUND for event in history)
    needed = {_ANNOTATED, _SCHEDULED, _REWOUND, _CREATED} if rewound else {_ANNOTATED}
    events = [open_envelope(event) for event in history if event.type in needed]
    found = [each for each in map(_annotation, events) if each is not None and wanted.fits(each)]
    return list(_counting(found, events)) if rewound else found


async def annotations_of(
    store: Store, query: RunQuery, wanted: Wanted
) -> AsyncIterator[Annotation]:
    """Yield the annotations of many runs, newest run first, each run's in order.

    It holds some histories in memory at once, never more than a bounded number of events unless a
    single history is longer.
    """
    batch: list[str] = []
    events = 0
    async for row in every_run(store, query):
        if batch and events + row.version > EVENTS_AT_ONCE:
            for annotation in await _read(store, batch, wanted):
                yield annotation
            batch, events = [], 0
        batch.append(row.run_id)
        events += row.version
    if batch:
        for annotation in await _read(store, batch, wanted):
            yield annotation


async def _read(store: Store, run_ids: Sequence[str], wanted: Wanted) -> list[Annotation]:
    histories: dict[str, list[StoredEvent]] = {run_id: [] for run_id in run_ids}
    for event in await store.read(run_ids):
        histories[event.run_id].append(event)
    return [each for history in histories.values() for each in annotations_in(history, wanted)]


def _annotation(envelope: Envelope) -> Annotation | None:
    event = envelope.event
    if not isinstance(event, RunAnnotated):
        return None
    return Annotation(
        run_id=envelope.run_id,
        version=envelope.version,
        position=envelope.position,
        recorded_at=envelope.recorded_at,
        recorded_by=envelope.actor,
        key=event.key,
        value=event.value,
        fields=event.fields,
        actor=event.actor,
        stage=event.stage,
        generation=event.generation,
        attempt=event.attempt,
    )


def _comes_from(annotation: Annotation, asked: str | Actor) -> bool:
    """Compare a name with the envelope's, and an actor with the one that was given."""
    if isinstance(asked, str):
        return annotation.recorded_by == asked
    actor = annotation.actor
    return (
        actor is not None
        and (actor.kind, actor.id) == (asked.kind, asked.id)
        and asked.version in (None, actor.version)
    )


def _counting(found: Sequence[Annotation], events: Sequence[Envelope]) -> Iterator[Annotation]:
    """Leave out what is about something that rewinds have cut."""
    kept = effective_history(events)
    versions = {envelope.version for envelope in kept}
    executions = {each for envelope in kept for each in _executions(envelope)}
    for annotation in found:
        if annotation.stage is None or annotation.generation is None:
            counts = annotation.version in versions
        else:
            counts = (annotation.stage, annotation.generation) in executions
        if counts:
            yield annotation


def _executions(envelope: Envelope) -> Iterator[Execution]:
    """Name the executions that an event begins, or takes over from another run."""
    match envelope.event:
        case StageScheduled(stage=stage, generation=generation):
            yield stage, generation
        case RunCreated(carried=carried):
            yield from ((stage, 0) for stage in carried)
        case _:
            pass
