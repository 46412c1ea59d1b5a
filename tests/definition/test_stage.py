"""A stage knows what it is from its function, its annotations and its options."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from types import NoneType, SimpleNamespace
from typing import Any

import pytest

from eventflow.core.retry import Retry
from eventflow.definition.context import StageContext
from eventflow.definition.outcomes import Completed, Failed, Pending, Suspended
from eventflow.definition.stage import Stage, stage
from eventflow.definition.sync_context import SyncStageContext
from eventflow.errors import InvalidWorkflow
from tests.definition.kinds import AttrsName, AttrsOrder, StructOrder


@stage
async def count_names(ctx: StageContext[AttrsOrder, AttrsName]) -> int:
    """Count the names.

    And say nothing more.
    """
    return len(ctx.input.names)


def types_of(given: Stage[Any, Any]) -> tuple[Any, ...]:
    """List what a stage takes, is configured with, gives and suspends with."""
    schemas = (given.input_schema, given.config_schema, given.output_schema, given.state_schema)
    return tuple(schema.type for schema in schemas)


def test_a_bare_stage_is_described_by_its_function() -> None:
    """Id, name, description and schemas come from the function when nothing else is said."""
    assert count_names.id == "count-names"
    assert count_names.name == "Count names"
    assert count_names.description == "Count the names."
    assert count_names.is_async
    assert count_names.takes_input
    assert not count_names.suspends
    assert types_of(count_names) == (AttrsOrder, AttrsName, int, Any)
    assert (count_names.retry, count_names.timeout, count_names.dependencies) == (Retry(), None, ())


def test_options_say_otherwise() -> None:
    """Each option replaces what the function says."""

    @stage(
        id="other",
        name="Other",
        description="Does something.",
        dependencies=[count_names, "more"],
        retry=Retry(max_attempts=1),
        timeout=3,
        state=dict[str, int],
        signal="go",
    )
    def given(ctx: StageContext[None]) -> str:
        return "x"

    assert (given.id, given.name, given.description) == ("other", "Other", "Does something.")
    assert given.dependencies == ("count-names", "more")
    assert (given.retry.max_attempts, given.timeout, given.signal) == (1, 3.0, "go")
    assert given.suspends
    assert not given.is_async
    assert not given.takes_input
    assert types_of(given) == (NoneType, NoneType, str, dict[str, int])


def test_a_single_dependency_needs_no_list() -> None:
    """One id, or one stage, is as good as a list of one."""

    @stage(dependencies="earlier")
    def one(ctx: StageContext[None]) -> int:
        return 1

    @stage(dependencies=one)
    def other(ctx: StageContext[None]) -> int:
        return 1

    assert (one.dependencies, other.dependencies) == (("earlier",), ("one",))


async def test_a_stage_can_be_called_like_its_function() -> None:
    """A unit test hands a stage whatever it needs of a context."""
    context: Any = SimpleNamespace(input=AttrsOrder(1, [AttrsName("a")]))
    assert await count_names(context) == 1


def test_outcomes_are_taken_off_the_return_annotation() -> None:
    """What is wrapped in an outcome counts, and how the stage may end otherwise does not."""

    @stage
    async def completed(ctx: StageContext[int]) -> Completed[str] | Failed:
        return Completed("x")

    @stage
    async def waiting(ctx: StageContext[int]) -> str | Suspended[AttrsName] | None:
        return None

    @stage
    async def both(ctx: StageContext[int]) -> Completed[str] | Suspended[AttrsName]:
        return Completed("x")

    @stage
    async def vague(ctx: StageContext[int]) -> str | Suspended:
        return "x"

    assert types_of(completed) == (int, NoneType, str, Any)
    assert types_of(waiting) == (int, NoneType, str | None, AttrsName)
    assert types_of(both) == (int, NoneType, str, AttrsName)
    assert types_of(vague) == (int, NoneType, str, Any)
    assert [each.suspends for each in (completed, waiting, both, vague)] == [
        False,
        True,
        True,
        True,
    ]


def test_schemas_can_be_named_instead_of_annotated() -> None:
    """A function without annotations is a stage when its schemas are named."""

    @stage(input=int, config=StructOrder, output=list[int])
    def untyped(ctx):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        return [ctx.input]

    assert types_of(untyped) == (int, StructOrder, list[int], Any)


def test_the_check_is_registered_once() -> None:
    """A check belongs to its stage, stays a function of its own, and there is one."""

    @stage
    async def waiting(ctx: StageContext[int]) -> str | Suspended[int]:
        return Suspended(1)

    @waiting.check
    async def ready(state: int, ctx: StageContext[int]) -> Pending:
        return Pending()

    assert waiting.check_function is ready
    with pytest.raises(InvalidWorkflow, match='Stage "waiting" has a check already'):
        waiting.check(ready)


def test_a_check_takes_state_and_context() -> None:
    """A check that could not be called is refused when it is registered."""

    @stage
    async def waiting(ctx: StageContext[int]) -> str | Suspended[int]:
        return Suspended(1)

    with pytest.raises(InvalidWorkflow, match="takes two parameters: state, ctx"):
        waiting.check(Pending)  # type: ignore[type-var]


def no_annotations(ctx):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201, D103
    return ctx


def no_output(ctx: StageContext[int]):  # type: ignore[no-untyped-def] # noqa: ANN201, D103
    return 1


def only_suspends(ctx: StageContext[int]) -> Suspended[int]:  # noqa: D103
    return Suspended(1)


def bare_context(ctx: StageContext) -> int:  # type: ignore[type-arg] # noqa: D103
    return 1


def two_parameters(ctx: StageContext[int], more: int) -> int:  # noqa: D103
    return more


def no_parameter() -> int:  # noqa: D103
    return 1


def output_without_json(ctx: StageContext[int]) -> object:  # noqa: D103
    return 1


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (no_annotations, r'"no_annotations" does not say what it takes; .*StageContext\[Input\]'),
        (bare_context, r"does not say what it takes"),
        (no_output, r'"no_output" does not say what its output is; .*-> Output'),
        (only_suspends, r"does not say what its output is"),
        (two_parameters, r"takes 2 parameters; a stage takes one"),
        (no_parameter, r"takes 0 parameters; a stage takes one"),
    ],
)
def test_a_missing_annotation_is_named(function: Any, message: str) -> None:  # noqa: ANN401
    """A stage that does not say what it takes and gives is refused, with what to write."""
    with pytest.raises(InvalidWorkflow, match=message):
        stage(function)


@pytest.mark.parametrize("wrong", [{"timeout": 0}, {"timeout": float("inf")}, {"id": " "}])
def test_an_option_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    """Ids are texts and times are positive."""
    with pytest.raises(InvalidWorkflow, match=r"positive number of seconds|give a text"):
        stage(**wrong)(output_without_json)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"retry": 3}, r"is a Retry, not 3; write retry=Retry\(max_attempts=3\)"),
        ({"retry": {"max_attempts": 2}}, r"is a Retry, not .*; write retry=Retry\("),
        ({"retry": None}, r"is a Retry, not None"),
        ({"timeout": "30"}, r"is '30'; give a positive number of seconds"),
        ({"timeout": True}, r"is True; give a positive number of seconds"),
        ({"timeout": timedelta(seconds=3)}, r"number of seconds; give duration\.total_seconds\(\)"),
        ({"signal": 7}, r"7 cannot be the signal of stage .*; give a text"),
        ({"signal": ""}, r"'' cannot be the signal of stage .*; give a text"),
    ],
)
def test_an_option_of_another_type_is_refused(wrong: dict[str, Any], message: str) -> None:
    """What would only fail within a run is refused when the stage is made, with what to write."""
    with pytest.raises(InvalidWorkflow, match=message):
        stage(**wrong)(output_without_json)


def test_a_generator_is_no_stage() -> None:
    """A function that yields has no one output."""

    def yields(ctx: StageContext[int]) -> Iterator[int]:
        yield 1

    async def yields_too(ctx: StageContext[int]) -> AsyncIterator[int]:
        yield 1

    for function in (yields, yields_too):
        with pytest.raises(InvalidWorkflow, match=r'"yields(_too)?" yields; a stage returns'):
            stage(function)


def test_a_plain_function_may_name_the_context_of_a_thread() -> None:
    """Its schemas are read from there, and a coroutine is told which context is its own."""

    def in_a_thread(ctx: SyncStageContext[AttrsOrder, AttrsName]) -> int:
        return len(ctx.input.names)

    async def on_the_loop(ctx: SyncStageContext[AttrsOrder]) -> int:
        return len(ctx.input.names)

    made = stage(in_a_thread)
    assert (made.input_schema.type, made.config_schema.type) == (AttrsOrder, AttrsName)
    assert not made.is_async
    with pytest.raises(InvalidWorkflow, match=r"awaits what its context gives; .*StageContext\["):
        stage(on_the_loop)


def test_a_payload_is_that_of_a_signal() -> None:
    """Its schema belongs to the signal that the stage declares; alone it is refused."""

    async def asks(ctx: StageContext[int]) -> int:
        return 1

    declared = stage(signal="approval", payload=dict[str, int])(asks)
    assert declared.payload_schema is not None
    assert declared.payload_schema.what == 'the payload of signal "approval"'
    assert stage(signal="approval")(asks).payload_schema is None
    with pytest.raises(InvalidWorkflow, match="has a payload, but no signal that brings it"):
        stage(payload=int)(asks)


def test_options_are_named() -> None:
    """An id where the function belongs is refused, with what to write."""
    with pytest.raises(InvalidWorkflow, match=r"'extract' is no function; .*@stage\(id="):
        stage("extract")  # type: ignore[call-overload]


def test_a_schema_without_a_form_in_json_is_refused() -> None:
    """The message says which end of which stage it is about."""

    class Strange:
        pass

    def strange(ctx: StageContext[int]) -> Strange:
        return Strange()

    with pytest.raises(InvalidWorkflow, match='The output of stage "strange" cannot be Strange'):
        stage(strange)
