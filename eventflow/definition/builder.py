"""Puts stages together to a workflow, and refuses, at once, what could never run."""

import inspect
from typing import Any, Generic, TypeAlias, overload

import attrs
from attrs import field
from typing_extensions import TypeVar

from eventflow.core.frozen import frozen
from eventflow.definition.annotations import names_around
from eventflow.definition.data.following import reason_against, reason_against_group
from eventflow.definition.data.records import Type
from eventflow.definition.names import ID_RULE, is_id
from eventflow.definition.schema import Schema, learn_names
from eventflow.definition.stage import Stage
from eventflow.definition.workflow import AnyStage, Groups, Workflow, make_plan
from eventflow.errors import InvalidWorkflow

In = TypeVar("In")
Out = TypeVar("Out")
Next = TypeVar("Next")

Fitting: TypeAlias = Stage[Out, Next] | Stage[None, Next]
"""A stage that takes what there is, or nothing."""


@frozen(eq=False, kw_only=True)
class WorkflowBuilder(Generic[In, Out]):
    """A workflow in the making; each step gives a new builder and leaves the old one as it was.

    `In` is the workflow's input, and `Out` what the last group gives.
    """

    id: str
    name: str
    description: str
    input_schema: Schema[Any] = field(repr=False)
    output_schema: Schema[Any] | None = field(repr=False)
    groups: Groups = ()

    def pipe(self, stage: Fitting[Out, Next]) -> "WorkflowBuilder[In, Next]":
        """Add an execution group of one stage.

        Raises:
            InvalidWorkflow: The stage cannot be there.
        """
        return self._with((stage,))

    def parallel(self, *stages: Fitting[Out, Any]) -> "WorkflowBuilder[In, Any]":
        """Add an execution group of several stages, which run side by side on the same input.

        What follows gets a mapping from stage id to output: read it as `dict[str, object]`, as a
        TypedDict, or as any class whose fields are the ids.

        Raises:
            InvalidWorkflow: There is no stage, or one of them cannot be there.
        """
        if not stages:
            raise InvalidWorkflow(
                f'parallel() of workflow "{self.id}" has no stage; give it two or more'
            )
        return self._with(stages)

    def build(self) -> Workflow[In, Out]:
        """Give the workflow.

        Raises:
            InvalidWorkflow: It has no stage, a stage would suspend for ever, a signal brings two
                things, or the last output cannot be the workflow's.
        """
        if not self.groups:
            raise InvalidWorkflow(f'Workflow "{self.id}" has no stage; add one with pipe(stage)')
        for group in self.groups:
            for stage in group:
                self._refuse_endless_wait(stage)
        self._refuse_ambiguous_signals()
        if self.output_schema is not None:
            self._refuse_misfit(self.output_schema, f'the output of workflow "{self.id}"')
        ends = (self.input_schema, *((self.output_schema,) if self.output_schema else ()))
        return Workflow(
            id=self.id,
            name=self.name,
            description=self.description,
            groups=self.groups,
            plan=make_plan(self.id, self.name, self.groups, ends),
            input_schema=self.input_schema,
            output_schema=self.output_schema,
        )

    def _with(self, group: tuple[AnyStage, ...]) -> "WorkflowBuilder[In, Any]":
        known = {stage.id for each in self.groups for stage in each}
        for stage in group:
            self._refuse_function(stage)
            if stage.id in known:
                raise InvalidWorkflow(
                    f'Stage "{stage.id}" is in workflow "{self.id}" already; '
                    "give one of the two another id: @stage(id=...)"
                )
            known.add(stage.id)
            self._refuse_unmet(stage)
            if stage.takes_input:
                self._refuse_misfit(stage.input_schema, f'the input of stage "{stage.id}"')
        builder: WorkflowBuilder[In, Any] = attrs.evolve(self, groups=(*self.groups, group))
        return builder

    def _refuse_function(self, stage: object) -> None:
        if not isinstance(stage, Stage):
            name = getattr(stage, "__name__", repr(stage))
            raise InvalidWorkflow(
                f'Workflow "{self.id}" is made of stages, and {name} is none; '
                "decorate it with @stage"
            )

    def _refuse_unmet(self, stage: AnyStage) -> None:
        earlier = [each.id for group in self.groups for each in group]
        for needed in stage.dependencies:
            if needed not in earlier:
                there = ", ".join(f'"{each}"' for each in earlier) or "none"
                raise InvalidWorkflow(
                    f'Stage "{stage.id}" depends on "{needed}", which is not in an earlier group '
                    f'of workflow "{self.id}"; there is: {there}'
                )

    def _refuse_misfit(self, wanted: Schema[Any], what: str) -> None:
        """Refuse a schema that what there is can never fit."""
        if not self.groups:
            source = "the workflow's input"
            reason = reason_against(self.input_schema.type, wanted.type)
        elif len(self.groups[-1]) == 1:
            source = f'the output of stage "{self.groups[-1][0].id}"'
            reason = reason_against(self.groups[-1][0].output_schema.type, wanted.type)
        else:
            source = "the outputs of the parallel group"
            outputs = {each.id: each.output_schema.type for each in self.groups[-1]}
            reason = reason_against_group(outputs, wanted.type)
        if reason is not None:
            raise InvalidWorkflow(
                f'In workflow "{self.id}", {what} cannot be {source}: {reason}; '
                "change one of the types, or put a stage in between"
            )

    def _refuse_endless_wait(self, stage: AnyStage) -> None:
        if stage.suspends and stage.check_function is None and not stage.wakes_by_itself:
            raise InvalidWorkflow(
                f'Stage "{stage.id}" may suspend, but nothing would wake it; give it a check with '
                f'@{stage.function.__name__}.check, name its signal: @stage(signal="..."), '
                "or let it sleep: Suspended.until(time)"
            )

    def _refuse_ambiguous_signals(self) -> None:
        """Refuse a signal that brings this to one stage and that to another."""
        found: dict[str, tuple[AnyStage, Schema[Any]]] = {}
        for stage in (each for group in self.groups for each in group):
            payload = stage.payload_schema
            if stage.signal is None or payload is None:
                continue
            other, known = found.setdefault(stage.signal, (stage, payload))
            if known.type != payload.type:
                raise InvalidWorkflow(
                    f'In workflow "{self.id}", signal "{stage.signal}" brings {known.name} to '
                    f'stage "{other.id}" and {payload.name} to stage "{stage.id}"; rename one'
                )


@overload
def define_workflow(
    id: str,
    *,
    input: type[In],
    name: str | None = None,
    description: str = "",
    output: Type = None,
) -> WorkflowBuilder[In, In]: ...
@overload
def define_workflow(
    id: str,
    *,
    input: None,
    name: str | None = None,
    description: str = "",
    output: Type = None,
) -> WorkflowBuilder[None, None]: ...
@overload
def define_workflow(
    id: str,
    *,
    input: Type,
    name: str | None = None,
    description: str = "",
    output: Type = None,
) -> WorkflowBuilder[Any, Any]: ...
def define_workflow(
    id: str,
    *,
    input: Type,
    name: str | None = None,
    description: str = "",
    output: Type = None,
) -> WorkflowBuilder[Any, Any]:
    """Begin a workflow.

    Args:
        id: Unique among the workflows of an application.
        input: The schema of what a run is given.
        name: For people; by default the id.
        description: For people, too.
        output: The schema that the output of a run is checked against, if any.

    Raises:
        InvalidWorkflow: The id is no text, or a schema has no form in JSON.
    """
    if not is_id(id):
        raise InvalidWorkflow(f"{id!r:.300} cannot be the id of a workflow; give {ID_RULE}")
    frame = inspect.currentframe()
    caller = frame.f_back if frame is not None else None
    if caller is not None:
        learn_names(input, names_around(caller, caller.f_globals))
    return WorkflowBuilder(
        id=id,
        name=id if name is None else name,
        description=description,
        input_schema=Schema(input, f'the input of workflow "{id}"'),
        output_schema=None
        if output is None
        else Schema(output, f'the output of workflow "{id}"', exact=False),
    )
