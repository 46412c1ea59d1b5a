"""What the stages of a run have saved: a fold over its events, and never a second record of it.

The laws of the fold:

1. A name belongs to one stage in one generation; what others save under it is something else.
2. What was saved counts until the same name is saved again or deleted.
3. Only the holder of the current token of a stage changes what counts; what anybody else saved
   stays in the history, and counts for nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

from eventflow.core import events as e
from eventflow.core.change import changed
from eventflow.core.frozen import frozen
from eventflow.core.state import RunState, evolve
from eventflow.core.values import ArtifactKind

Place: TypeAlias = tuple[str, int]
"""A stage, and a generation of it."""


@frozen(slots=False)
class Artifact:
    """Something that a stage saved.

    Attributes:
        name: The name that the stage gave it.
        stage: The stage.
        generation: The generation in which it was saved.
        attempt: The attempt that saved it; 0 if a fork took it over.
        blob: The key of its bytes: `sha256:` and their hash.
        size: How many bytes.
        kind: How they are read.
        version: The version of the event that saved it.
        saved_at: When.
        effective: Whether it counts now: it was not replaced, deleted, cut by a rewind or saved
            with a token that was no longer the current one.
    """

    name: str
    stage: str
    generation: int
    attempt: int
    blob: str
    size: int
    kind: ArtifactKind
    version: int
    saved_at: datetime
    effective: bool = True


class ArtifactFold:
    """The artifacts of one run, as of the last event that was folded.

    Args:
        run: The run as of some event; None to begin with the first.
        artifacts: What was saved up to that event.

    Attributes:
        run: The run as of the last event.
    """

    def __init__(self, run: RunState | None = None, artifacts: Iterable[Artifact] = ()) -> None:
        self.run = run
        self._saved: list[Artifact] = []
        self._current: dict[Place, dict[str, Artifact]] = {}
        for artifact in artifacts:
            self._put(artifact, counts=artifact.effective)

    @property
    def version(self) -> int:
        """The version of the last event that was folded; 0 before the first."""
        return 0 if self.run is None else self.run.version

    def take(self, fact: e.Fact) -> None:
        """Fold one more event."""
        match fact.event:
            case e.RunCreated(artifacts=carried):
                for each in carried:
                    self._put(_carried(each, fact))
            case e.ArtifactSaved() as event:
                self._put(_saved(event, fact), counts=self._is_held(event))
            case e.ArtifactDeleted() as event if self._is_held(event):
                self._of(event.stage, event.generation).pop(event.name, None)
            case _:
                pass
        self.run = evolve(self.run, fact)

    def of(self, stage: str, generation: int) -> Mapping[str, Artifact]:
        """Give what counts of a stage in a generation, by name."""
        return dict(self._of(stage, generation))

    def all(self) -> Sequence[Artifact]:
        """Give everything that was ever saved, in order, with whether it counts."""
        return [changed(each, effective=self._is_effective(each)) for each in self._saved]

    def _of(self, stage: str, generation: int) -> dict[str, Artifact]:
        return self._current.setdefault((stage, generation), {})

    def _put(self, artifact: Artifact, *, counts: bool = True) -> None:
        self._saved.append(artifact)
        if counts:
            self._of(artifact.stage, artifact.generation)[artifact.name] = artifact

    def _is_held(self, event: e.ArtifactSaved | e.ArtifactDeleted) -> bool:
        """Tell whether the token of an event is the current one of its stage."""
        stage = None if self.run is None else self.run.stages.get(event.stage)
        return stage is not None and stage.claim is not None and stage.claim.token == event.token

    def _is_effective(self, artifact: Artifact) -> bool:
        """Tell whether an artifact counts, in the generation in which its stage now is."""
        stage = None if self.run is None else self.run.stages.get(artifact.stage)
        if stage is None or stage.generation != artifact.generation:
            return False
        return self._of(artifact.stage, artifact.generation).get(artifact.name) is artifact


def fold_artifacts(history: Iterable[e.Fact]) -> ArtifactFold:
    """Fold a whole history, or the beginning of one."""
    fold = ArtifactFold()
    for fact in history:
        fold.take(fact)
    return fold


def _saved(event: e.ArtifactSaved, fact: e.Fact) -> Artifact:
    return Artifact(
        name=event.name,
        stage=event.stage,
        generation=event.generation,
        attempt=event.attempt,
        blob=event.blob,
        size=event.size,
        kind=event.kind,
        version=fact.version,
        saved_at=fact.recorded_at,
    )


def _carried(artifact: e.CarriedArtifact, fact: e.Fact) -> Artifact:
    return Artifact(
        name=artifact.name,
        stage=artifact.stage,
        generation=0,
        attempt=0,
        blob=artifact.blob,
        size=artifact.size,
        kind=artifact.kind,
        version=fact.version,
        saved_at=fact.recorded_at,
    )
