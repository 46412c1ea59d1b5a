"""A workflow reduced to data, so that a run can be folded without the code that defined it."""

from collections.abc import Iterator

from attrs import field

from eventflow.core.frozen import frozen
from eventflow.core.retry import Retry


@frozen
class StagePlan:
    """What the core must know about one stage.

    Attributes:
        id: Unique within the workflow.
        name: For people.
        retry: When a failed attempt is made again.
        timeout: Seconds that one attempt may take, or None for no bound.
    """

    id: str
    name: str
    retry: Retry = field(factory=Retry)
    timeout: float | None = None


@frozen
class Plan:
    """The execution groups of a workflow, in order.

    Attributes:
        workflow_id: The workflow that this was made of.
        name: For people.
        groups: The stages of each execution group; group 1 is the first.
        fingerprint: A digest of everything that a change of the definition can change.
    """

    workflow_id: str
    name: str
    groups: tuple[tuple[StagePlan, ...], ...]
    fingerprint: str

    def stages(self) -> Iterator[StagePlan]:
        """Yield all stages in execution order."""
        for group in self.groups:
            yield from group

    def stage_ids(self) -> tuple[str, ...]:
        """List the ids of all stages in execution order."""
        return tuple(stage.id for stage in self.stages())

    def group(self, number: int) -> tuple[StagePlan, ...]:
        """Give the stages of an execution group, numbered from 1."""
        return self.groups[number - 1]

    def find(self, stage_id: str) -> tuple[int, StagePlan] | None:
        """Find a stage and the number of its execution group."""
        for number, group in enumerate(self.groups, start=1):
            for stage in group:
                if stage.id == stage_id:
                    return number, stage
        return None

    def is_last(self, group: int) -> bool:
        """Tell whether no group follows this one."""
        return group == len(self.groups)
