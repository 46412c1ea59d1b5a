"""The core as a specification: given what happened, when something is asked, then this happens.

It decides for real, and never touches a store or a clock: commands carry their time with them.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import zip_longest
from typing import Any, TypeAlias

import msgspec
from attrs import field, fields, frozen

from eventflow.core import events as e
from eventflow.core.commands import Command
from eventflow.core.decide import draft
from eventflow.core.state import RunState, evolve
from eventflow.core.values import JSON
from eventflow.store.contract import StoredEvent
from eventflow.store.envelope import Envelope, open_envelope
from eventflow.testing.clock import START
from eventflow.testing.differences import differences, shown, shown_beside

RUN_ID = "run-1"
"""The id of the run, unless what happened says another."""

_NAMES = {kind: name for name, kind in e.EVENT_TYPES.items()}


@frozen
class Like:
    """An event of one kind of which only some fields are told."""

    kind: type[e.Event]
    fields: dict[str, object]


def like(kind: type[e.Event], /, **fields: object) -> Like:
    """Expect an event of a kind with at least these values.

    Raises:
        TypeError: The kind has no such field.
    """
    unknown = fields.keys() - set(_field_names(kind))
    if unknown:
        raise TypeError(f"{kind.__name__} has no field {', '.join(sorted(unknown))}")
    return Like(kind, fields)


Happened: TypeAlias = e.Event | e.Recorded | Envelope | StoredEvent
"""An event alone, or in its place in a history."""

Expected: TypeAlias = Happened | Like | type[e.Event]
"""An event, some fields of one, or only its kind."""

Asked: TypeAlias = Command | Callable[[RunState], Command]
"""A command, or what makes one out of the run, such as to name the current token."""


@frozen
class Given:
    """What has happened to a run so far.

    Attributes:
        facts: The events, each in its place.
        run_id: The run.
        state: What they fold to; None if nothing has happened yet.
    """

    facts: tuple[e.Fact, ...]
    run_id: str = RUN_ID
    state: RunState | None = field(default=None, repr=False)

    @property
    def events(self) -> tuple[e.Event, ...]:
        """The events alone."""
        return tuple(fact.event for fact in self.facts)

    @property
    def run(self) -> RunState:
        """The run, which exists.

        Raises:
            ValueError: Nothing has happened yet.
        """
        if self.state is None:
            raise ValueError("nothing has happened yet; the first thing to ask for is CreateRun")
        return self.state

    def when(self, asked: Asked) -> "When":
        """Ask for something."""
        command = asked(self.run) if callable(asked) else asked
        return When(self, command)

    def and_then(self, *happened: Happened | Iterable[Happened], at: datetime = START) -> "Given":
        """Let more happen; events alone are recorded at a time, though never before the last."""
        given = self
        for each in _one_by_one(happened):
            given = given._behind(each, at)
        return given

    def _behind(self, happened: Happened, at: datetime) -> "Given":
        fact = open_envelope(happened) if isinstance(happened, StoredEvent) else happened
        if isinstance(fact, e.Recorded | Envelope):
            return Given((*self.facts, fact), fact.run_id, evolve(self.state, fact))
        version, when = 1, at
        if self.state is not None:
            version, when = self.state.version + 1, max(at, self.state.recorded_at)
        return self._behind(e.Recorded(self.run_id, version, when, fact), at)


@frozen
class When:
    """Something that is asked of a run, and what it leads to.

    Attributes:
        given: What has happened before.
        command: What is asked.
    """

    given: Given
    command: Command

    def then(self, *expected: Expected | Iterable[Expected]) -> Given:
        """Expect exactly these events, in this order; give what has happened then.

        Raises:
            AssertionError: It led to something else; the message shows each difference.
        """
        __tracebackhide__ = True
        work = draft(self.given.state, self.command, self.given.run_id)
        problems = list(_problems(_wanted(expected), work.events))
        if problems:
            asked = type(self.command).__name__
            raise AssertionError("\n".join([f"{asked} led to other events:", *problems]))
        return self.given.and_then(*work.events, at=work.now)

    def then_nothing(self) -> Given:
        """Expect no event.

        Raises:
            AssertionError: It led to one.
        """
        __tracebackhide__ = True
        return self.then()

    def then_raises(self, error: type[Exception], text: str = "") -> Exception:
        """Expect to be refused with an error whose message holds a text; give the error.

        Raises:
            AssertionError: It was not refused, or with another error or message.
        """
        __tracebackhide__ = True
        asked = type(self.command).__name__
        try:
            events = draft(self.given.state, self.command, self.given.run_id).events
        except error as raised:
            if text not in str(raised):
                raise AssertionError(
                    f"{asked} was refused with another message:\n"
                    f"  expected: {text}\n  got:      {raised}"
                ) from raised
            return raised
        except Exception as other:
            raise AssertionError(
                f"{asked} was refused with {type(other).__name__}, not with {error.__name__}: "
                f"{other}"
            ) from other
        led_to = ", ".join(_name(type(event)) for event in events) or "no event"
        raise AssertionError(f"{asked} was not refused with {error.__name__}; it led to {led_to}")


def given(*happened: Happened | Iterable[Happened], at: datetime = START) -> Given:
    """Begin with what has happened to a run; with nothing, for a run that is to be created.

    Args:
        happened: Events, facts, envelopes, or sequences of these such as a `History`.
        at: When events alone were recorded.

    Raises:
        ValueError: That cannot have happened in this order.
    """
    return Given(()).and_then(*happened, at=at)


def _field_names(kind: type[e.Event]) -> tuple[str, ...]:
    """Name the fields of a kind of event."""
    return tuple(each.name for each in fields(kind))


def _one_by_one(items: Iterable[Any]) -> Iterator[Any]:
    """Yield single things and the members of sequences, in order."""
    for item in items:
        if isinstance(item, Iterable):
            yield from _one_by_one(item)
        else:
            yield item


def _wanted(expected: Iterable[object]) -> list[Like]:
    """Give each expected event in one form: its kind, and the fields that are told of it."""
    return [_as_like(_opened(each)) for each in _one_by_one(expected)]


def _as_like(wanted: e.Event | Like | type[e.Event]) -> Like:
    if isinstance(wanted, Like):
        return wanted
    if isinstance(wanted, type):
        return Like(wanted, {})
    kind = type(wanted)
    return Like(kind, {name: getattr(wanted, name) for name in _field_names(kind)})


def _opened(happened: Expected) -> e.Event | Like | type[e.Event]:
    """Give the event within its envelope or its place."""
    if isinstance(happened, StoredEvent):
        happened = open_envelope(happened)
    return happened.event if isinstance(happened, e.Recorded | Envelope) else happened


def _problems(expected: list[Like], events: list[e.Event]) -> Iterator[str]:
    for number, (wanted, got) in enumerate(zip_longest(expected, events), start=1):
        if wanted is None:
            yield f"  {number}. {_name(type(got))} was not expected: {shown(_plain(got))}"
        elif got is None:
            yield f"  {number}. {_name(wanted.kind)} is missing"
        elif wanted.kind is not type(got):
            expected_name, name = _name(wanted.kind), _name(type(got))
            yield f"  {number}. expected {expected_name}, got {name}: {shown(_plain(got))}"
        else:
            yield from _unlike(number, wanted, got)


def _unlike(number: int, wanted: Like, got: e.Event) -> Iterator[str]:
    data = _plain(got)
    found = list(differences({**data, **_plain(wanted.fields)}, data))
    if found:
        yield f"  {number}. {_name(wanted.kind)}"
    for each in found:
        old, new = shown_beside(each.old, each.new)
        yield f"       {each.path}: expected {old}, got {new}"


def _plain(value: object) -> dict[str, JSON]:
    data: dict[str, JSON] = msgspec.to_builtins(value, str_keys=True)
    return data


def _name(kind: type) -> str:
    """Name a kind of event as on the wire."""
    return _NAMES.get(kind, kind.__name__)
