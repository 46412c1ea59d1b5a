"""What the stages of a run keep by name: at each claim, and behind it; it folds and reads only."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from attrs import field, frozen

from eventflow.core import events as e
from eventflow.core.artifacts import Artifact, ArtifactFold
from eventflow.core.stage import StageState
from eventflow.core.state import RunState

Kept: TypeAlias = Mapping[str, Artifact]
"""What one stage keeps, by name."""


@frozen
class Shelf:
    """What was kept around one claim.

    Attributes:
        found: What the code could read, of its own stage and of those of earlier groups.
        left: What its own stage kept when the next claim came, or at the end.
    """

    found: Sequence[Artifact] = ()
    left: Kept = field(factory=dict)


def shelves(events: Sequence[e.Fact]) -> Mapping[int, Shelf]:
    """Find what was kept around each claim of a whole history, by token.

    Between two claims of a stage nobody holds one, so nothing that is saved counts.
    """
    if not any(map(_speaks_of_artifacts, events)):
        return {}
    fold = ArtifactFold()
    open_claims: dict[str, tuple[int, StageState, Sequence[Artifact]]] = {}
    found: dict[int, Shelf] = {}
    for fact in events:
        fold.take(fact)
        if isinstance(fact.event, e.JobClaimed) and fold.run is not None:
            state = fold.run.stages[fact.event.stage]
            if state.id in open_claims:
                token, before, readable = open_claims[state.id]
                found[token] = Shelf(readable, fold.of(before.id, before.generation))
            open_claims[state.id] = fact.version, state, _readable(fold, fold.run, state)
    for token, state, readable in open_claims.values():
        found[token] = Shelf(readable, fold.of(state.id, state.generation))
    return found


def kept_behind(
    run: RunState, state: StageState, artifacts: Iterable[Artifact], notes: Sequence[e.Note]
) -> Kept:
    """Give what a claimed stage keeps behind what its code has said."""
    fold = ArtifactFold(run, artifacts)
    for version, note in enumerate(notes, start=run.version + 1):
        fold.take(e.Recorded(run.run_id, version, run.recorded_at, note))
    return fold.of(state.id, state.generation)


def _readable(fold: ArtifactFold, run: RunState, mine: StageState) -> Sequence[Artifact]:
    stages = [each for each in run.stages.values() if each.group < mine.group]
    return [
        artifact
        for each in (*stages, mine)
        for artifact in fold.of(each.id, each.generation).values()
    ]


def _speaks_of_artifacts(fact: e.Fact) -> bool:
    event = fact.event
    if isinstance(event, e.RunCreated):
        return bool(event.artifacts)
    return isinstance(event, e.ArtifactSaved)
