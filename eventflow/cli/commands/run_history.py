"""`eventflow run history`: what happened to a run, event by event."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from cyclopts import Parameter

from eventflow.cli import completing
from eventflow.cli.arguments import Flag, RunName
from eventflow.cli.exits import CommandError
from eventflow.cli.finding import find_run, refuse_unknown_stage
from eventflow.cli.output import print_json, say
from eventflow.cli.session import SessionArgument
from eventflow.cli.suggesting import did_you_mean
from eventflow.core.events import EVENT_TYPES
from eventflow.core.state import effective as effective_history
from eventflow.core.state import replay
from eventflow.store.envelope import Envelope


async def show_history(
    run: RunName,
    /,
    *,
    effective: Flag = False,
    type: Annotated[
        list[str] | None, Parameter(alias="-t", negative=(), completer=completing.event_types)
    ] = None,
    stage: str | None = None,
    after: int = 0,
    data: Flag = False,
    session: SessionArgument,
) -> None:
    """Print the events of a run; what a rewind has cut is marked.

    Args:
        effective: Leave out what rewinds have cut.
        type: Only events of this type, such as stage.completed, or of these, such as "stage".
        stage: Only events of this stage.
        after: Only events beyond this version.
        data: Print the data of each event, too.
    """
    _refuse_unknown_types(type or [])
    async with session.looking() as place:
        found = await find_run(place.store, run)
        history = await place.runtime.run(found.run.run_id).history()
    if stage is not None and not any(_is_of(each, (), stage) for each in history):
        refuse_unknown_stage(replay(history).plan, stage)
    kept = {each.version for each in effective_history(history)}
    shown = [
        each
        for each in history
        if each.version > after
        and (not effective or each.version in kept)
        and _is_of(each, type or [], stage)
    ]
    if session.json:
        print_json([as_json(each, cut=each.version not in kept) for each in shown])
        return
    from eventflow.cli.draw.history import draw_history  # noqa: PLC0415 - it loads rich

    draw_history(shown, kept, with_data=data)
    if not shown:
        say(f"None of the {len(history)} events is of that kind.")


def as_json(envelope: Envelope, *, cut: bool | None = None) -> dict[str, object]:
    """Give an event as data for programs; its own data is what the store has, byte for byte."""
    found: dict[str, object] = {
        "run_id": envelope.run_id,
        "version": envelope.version,
        "position": envelope.position,
        "type": envelope.type,
        "schema": envelope.schema,
        "recorded_at": envelope.recorded_at,
        "actor": envelope.actor,
        "hash": envelope.hash.hex(),
        "data": msgspec.Raw(envelope.data),
    }
    return found if cut is None else {**found, "cut": cut}


def _refuse_unknown_types(types: Sequence[str]) -> None:
    families = {name.partition(".")[0] for name in EVENT_TYPES}
    known = [*EVENT_TYPES, *sorted(families)]
    for each in types:
        if each not in known:
            raise CommandError(
                f'There is no event "{each}"; there are: {", ".join(EVENT_TYPES)}'
                f"{did_you_mean(each, known)}"
            )


def _is_of(envelope: Envelope, types: Sequence[str], stage: str | None) -> bool:
    if stage is not None and getattr(envelope.event, "stage", None) != stage:
        return False
    return not types or envelope.type in types or envelope.type.partition(".")[0] in types
