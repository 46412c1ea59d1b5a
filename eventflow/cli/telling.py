"""Says in one line what an event tells beyond its name; it folds nothing."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from attrs import asdict

from eventflow.cli.output import one_line
from eventflow.cli.wording import duration, money, pairs, shortened, size, value, when
from eventflow.core import events as e
from eventflow.core.stage import Suspension
from eventflow.core.values import ErrorInfo, JobKind

MOST = 400
"""Characters of a value; the whole of it is in the JSON."""

_LEASES: Mapping[str, str] = MappingProxyType(
    {e.LEASE_TIMEOUT: "did not renew its lease in time", e.LEASE_RELEASED: "gave it back"}
)


def told(event: e.Event) -> str:
    """Say what an event tells, for people."""
    say = _SAYS.get(type(event), _fields)
    return say(event)


def told_error(error: ErrorInfo) -> str:
    """Say what went wrong, on one line."""
    kind = one_line(error.type).removeprefix("builtins.")
    return shortened(f"{kind}: {one_line(error.message)}", MOST)


def _created(event: e.RunCreated) -> str:
    origin = event.forked_from
    forked = "" if origin is None else f"forked from {origin.run_id} at {origin.version}, "
    return f"{forked}{one_line(event.workflow_id)}, input {value(event.input, MOST)}"


def _rewound(event: e.RunRewound) -> str:
    why = f": {one_line(event.reason)}" if event.reason else ""
    return f"to {one_line(event.stage)}, cut behind version {event.cut}{why}"


def _scheduled(event: e.StageScheduled) -> str:
    return f"group {event.group}, due {when(event.due_at)}"


def _claimed(event: e.JobClaimed) -> str:
    what = "checks it" if event.kind is JobKind.CHECK else "executes it"
    return f"{one_line(event.worker)} {what}, lease {duration(event.lease)}"


def _completed(event: e.StageCompleted | e.RunCompleted) -> str:
    return f"output {value(event.output, MOST)}"


def _attempt_failed(event: e.StageAttemptFailed) -> str:
    return f"{told_error(event.error)}; again at {when(event.retry_at)}"


def _failed(event: e.StageFailed | e.RunFailed) -> str:
    return told_error(event.error)


def _step_completed(event: e.StepCompleted) -> str:
    return f"step {one_line(event.name)}, output {value(event.output, MOST)}"


def _called(event: e.AICalled) -> str:
    used, price = event.tokens, event.cost
    parts = [one_line(event.requested_model)]
    parts += [f"{used.input:,} + {used.output:,} tokens"] if used is not None else []
    parts += [money(price)] if price is not None else []
    parts += [duration(event.duration)]
    parts += [told_error(event.error)] if event.error is not None else []
    return ", ".join(parts)


def _saved(event: e.ArtifactSaved) -> str:
    return f"{one_line(event.name)}, {size(event.size)}"


def _lease_expired(event: e.LeaseExpired) -> str:
    how = _LEASES.get(event.reason, event.reason)
    return f"{one_line(event.worker)} {how}"


def _logged(event: e.StageLogged) -> str:
    return f"{event.level}: {one_line(event.message)} {pairs(event.fields)}".rstrip()


def _progressed(event: e.StageProgressed) -> str:
    return f"{event.fraction:.0%} {one_line(event.message or '')}".rstrip()


def _unknown(event: e.UnknownEvent) -> str:
    return f"unknown to this release: schema {event.schema}"


def _suspended(event: e.StageSuspended) -> str:
    awaited = [f"signal {one_line(event.signal)}"] if event.signal else []
    checked = [f"check {when(event.check_at)}"] if event.check_at else []
    return ", ".join([*awaited, *checked, f"until {when(event.deadline)}"])


def told_suspension(suspension: Suspension) -> str:
    """Say what a stage waits for, and for how long."""
    until = when(suspension.deadline)
    if suspension.asleep:
        return f"asleep until {until}"
    signal, check = suspension.signal, suspension.check_at
    awaited = [f"waits for signal {one_line(signal)}"] if signal else []
    checked = [f"checked {when(check)}"] if check else []
    return ", ".join([*awaited, *checked, f"until {until}"])


def _fields(event: e.Event) -> str:
    """Say what there is, of an event that nothing else is said of."""
    left_out = {"stage", "generation", "attempt", "token"}
    found = asdict(event, recurse=False)
    return shortened(pairs({k: v for k, v in found.items() if k not in left_out and v}), MOST)


_SAYS: Mapping[type[object], Callable[[Any], str]] = MappingProxyType(
    {
        e.RunCreated: _created,
        e.RunRewound: _rewound,
        e.RunCompleted: _completed,
        e.RunFailed: _failed,
        e.StageScheduled: _scheduled,
        e.JobClaimed: _claimed,
        e.StageCompleted: _completed,
        e.StepCompleted: _step_completed,
        e.AICalled: _called,
        e.ArtifactSaved: _saved,
        e.StageAttemptFailed: _attempt_failed,
        e.StageFailed: _failed,
        e.StageSuspended: _suspended,
        e.LeaseExpired: _lease_expired,
        e.StageLogged: _logged,
        e.StageProgressed: _progressed,
        e.UnknownEvent: _unknown,
    }
)
