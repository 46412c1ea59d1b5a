"""Reads all that is shown of one run, once or as long as it goes on; it draws nothing."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from attrs import frozen

from eventflow.cli.finding import find_run
from eventflow.cli.output import as_data
from eventflow.cli.session import Place
from eventflow.cli.timeline import Row, timeline
from eventflow.core.artifacts import Artifact, fold_artifacts
from eventflow.core.events import ArtifactSaved, Event, RunAnnotated, RunCreated
from eventflow.core.projection import project
from eventflow.core.state import RunState, evolve, replay
from eventflow.store.envelope import Envelope


@frozen
class Shown:
    """All that is shown of a run."""

    state: RunState
    history: Sequence[Envelope]
    timeline: Sequence[Row]

    def row(self, stage: str) -> Row | None:
        """Give the spans of a stage as it is now."""
        rows = [row for row in self.timeline if row.stage == stage and not row.cut]
        return rows[-1] if rows else None

    @property
    def annotations(self) -> list[tuple[Envelope, RunAnnotated]]:
        """What was attached to the run, in order."""
        events = ((each, each.event) for each in self.history)
        return [(each, event) for each, event in events if isinstance(event, RunAnnotated)]

    @property
    def artifacts(self) -> list[Artifact]:
        """What the stages have saved, as far as it counts."""
        if not any(_saves(each.event) for each in self.history):
            return []  # without folding a long history once more
        return [each for each in fold_artifacts(self.history).all() if each.effective]


def _saves(event: Event) -> bool:
    return isinstance(event, ArtifactSaved) or (
        isinstance(event, RunCreated) and bool(event.artifacts)
    )


async def look(place: Place, given: str) -> Shown:
    """Read all that is shown of a run."""
    found = await find_run(place.store, given)
    history = await place.runtime.run(found.run.run_id).history()
    return Shown(replay(history), history, timeline(history))


async def following(place: Place, run_id: str, pause: float) -> AsyncIterator[Shown]:
    """Yield what is shown of a run whenever something has happened, and after each pause anyway.

    It ends when the run has ended.
    """
    history: list[Envelope] = []
    state: RunState | None = None
    async for fresh in gathered(place.runtime.run(run_id).events(), pause):
        for envelope in fresh:
            state = evolve(state, envelope)
        history += fresh
        if state is not None:
            yield Shown(state, history, timeline(history))


async def gathered(events: AsyncIterator[Envelope], pause: float) -> AsyncIterator[list[Envelope]]:
    """Yield what has come meanwhile, once in every pause at the most; nothing, if nothing came."""
    queue: asyncio.Queue[Envelope | None] = asyncio.Queue()

    async def fill() -> None:
        try:
            async for envelope in events:
                queue.put_nowait(envelope)
        finally:
            queue.put_nowait(None)

    filling = asyncio.create_task(fill())
    try:
        while True:
            fresh = [] if queue.empty() else [queue.get_nowait() for _ in range(queue.qsize())]
            ended = None in fresh
            yield [envelope for envelope in fresh if envelope is not None]
            if ended:
                await filling
                return
            await asyncio.sleep(pause)
    finally:
        filling.cancel()


def as_json(shown: Shown) -> dict[str, object]:
    """Give what is shown as data for programs."""
    state = shown.state
    annotations = [
        {"version": each.version, **_fields(event), "actor": event.actor or each.actor}
        for each, event in shown.annotations
    ]
    return {
        "run": project(state).run,
        "input": state.input,
        "config": state.config,
        "output": state.output,
        "ending": state.ending,
        "forked_from": state.forked_from,
        "stages": list(state.stages.values()),
        "annotations": annotations,
        "artifacts": shown.artifacts,
        "signals": list(state.signals),
        "timeline": shown.timeline,
    }


def _fields(event: RunAnnotated) -> dict[str, object]:
    data = as_data(event)
    return dict(data) if isinstance(data, dict) else {}
