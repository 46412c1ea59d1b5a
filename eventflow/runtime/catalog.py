"""The workflows that an application registered, in whatever form it keeps them."""

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Protocol, TypeAlias, runtime_checkable

from eventflow.definition.builder import WorkflowBuilder
from eventflow.definition.workflow import Workflow
from eventflow.engine.own_runs import INTERNAL
from eventflow.errors import InvalidWorkflow, WorkflowNotFound

AnyWorkflow: TypeAlias = Workflow[Any, Any]


@runtime_checkable
class WorkflowSource(Protocol):
    """An object of the application that finds workflows by id."""

    def get_workflow(self, workflow_id: str) -> AnyWorkflow | None:
        """Give a workflow, or None if there is none with this id."""
        ...


Workflows: TypeAlias = Iterable[AnyWorkflow] | Mapping[str, AnyWorkflow] | WorkflowSource


class Catalog:
    """Finds workflows by id, and knows which stages this process can execute.

    Args:
        workflows: The workflows.
        own: Whether they are eventflow's own.

    Raises:
        InvalidWorkflow: They are not workflows, or not told apart by their ids.
    """

    def __init__(self, workflows: Workflows, *, own: bool = False) -> None:
        self._own = own
        self._source = workflows if isinstance(workflows, WorkflowSource) else None
        self._known: dict[str, AnyWorkflow] = {}
        self._claimable: dict[str, frozenset[str]] = {}
        if isinstance(workflows, Mapping):
            workflows = workflows.values()
        if isinstance(workflows, Workflow):
            raise InvalidWorkflow(
                f"workflows= takes several workflows: give [{workflows.id}], and not one alone"
            )
        if not isinstance(workflows, WorkflowSource):
            for workflow in workflows:
                self._add_once(workflow)

    def find(self, workflow_id: str) -> AnyWorkflow | None:
        """Give a workflow, or None if there is none with this id."""
        known = self._known.get(workflow_id)
        if known is None and self._source is not None:
            known = self._source.get_workflow(workflow_id)
            if known is not None:
                self._add(known)
        return known

    def get(self, workflow_id: str) -> AnyWorkflow:
        """Give a workflow.

        Raises:
            WorkflowNotFound: No workflow with this id is registered.
        """
        _refuse_no_id(workflow_id)
        known = self.find(workflow_id)
        if known is not None:
            return known
        there = ", ".join(f'"{each}"' for each in sorted(self._known)) or "none"
        raise WorkflowNotFound(
            f'Workflow "{workflow_id}" not found; registered: {there}. '
            "Pass it to Runtime(workflows=[...])"
        )

    def known(self) -> Mapping[str, AnyWorkflow]:
        """Give the workflows that were registered or found so far, by id."""
        return MappingProxyType(self._known)

    def claimable(self) -> Mapping[str, Collection[str]]:
        """Give the stages of each workflow that this process can execute."""
        return self._claimable

    def _add_once(self, workflow: object) -> None:
        if isinstance(workflow, WorkflowBuilder):
            raise InvalidWorkflow(
                f'The workflow "{workflow.id}" is not built yet; end its definition with .build()'
            )
        if not isinstance(workflow, Workflow):
            raise InvalidWorkflow(
                f"workflows= takes workflows, as define_workflow(...).build() gives them; "
                f"{workflow!r:.300} is none"
            )
        if workflow.id in self._known:
            raise InvalidWorkflow(f'Two workflows have the id "{workflow.id}"; rename one')
        self._add(workflow)

    def _add(self, workflow: AnyWorkflow) -> None:
        if workflow.id.startswith(INTERNAL) and not self._own:
            raise InvalidWorkflow(
                f'The id "{workflow.id}" begins with "{INTERNAL}", as only those of eventflow\'s '
                "own workflows do; rename the workflow"
            )
        self._known[workflow.id] = workflow
        self._claimable[workflow.id] = frozenset(stage.id for stage in workflow.stages)


def _refuse_no_id(given: object) -> None:
    """Refuse a workflow, or anything else, where the id of one is asked for.

    Raises:
        WorkflowNotFound: It is no text.
    """
    if isinstance(given, Workflow):
        raise WorkflowNotFound(f'A workflow is asked for by its id; give "{given.id}"')
    if not isinstance(given, str):
        raise WorkflowNotFound(f"A workflow is asked for by its id, a text, not by {given!r:.300}")
