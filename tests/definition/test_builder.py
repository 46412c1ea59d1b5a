"""A workflow that could never run is refused when it is put together, and says why."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypedDict

import pytest
from attrs import frozen

from eventflow.definition.builder import WorkflowBuilder, define_workflow
from eventflow.definition.context import StageContext
from eventflow.definition.outcomes import Ready, Suspended
from eventflow.definition.stage import Stage, stage
from eventflow.errors import InvalidWorkflow


@frozen
class Document:
    text: str
    language: str = "en"


@frozen
class Words:
    words: list[str]


@frozen
class Detailed(Document):
    pages: int = 1


class Sizes(TypedDict):
    small: int
    large: int


def giving(name: str, takes: Any, gives: Any, **options: Any) -> Stage[Any, Any]:  # noqa: ANN401
    """Make a stage with the given types."""

    @stage(id=name, input=takes, config=None, output=gives, **options)
    async def made(ctx: Any) -> Any:  # noqa: ANN401
        return None

    return made


def begun(takes: Any = Document) -> WorkflowBuilder[Any, Any]:  # noqa: ANN401
    """Begin a workflow."""
    return define_workflow("work", input=takes)


EXTRACT = giving("extract", Document, Words)
SMALL = giving("small", Words, int)
LARGE = giving("large", Words, int)

FITTING: list[tuple[Any, Any]] = [
    (Document, Document),
    (Detailed, Document),
    (Words, object),
    (object, Words),
    (Words, Any),
    (Words, dict[str, Any]),
    (Words, Words | None),
    (Words | None, Words),
    (int, float),
    (int | str, str),
    (list[int], tuple[int, ...]),
    (dict[str, Any], Words),
    (Document, None),
    (str, bytes),
]
NEVER_FITTING: list[tuple[Any, Any]] = [
    (Words, Document),
    (str, int),
    (bool, int),
    (int, None | str),
    (Words, list[str]),
    (list[int], dict[str, int]),
    (None, Words),
    (Words | int, Document | str),
]


@pytest.mark.parametrize(("gives", "takes"), FITTING, ids=str)
def test_types_that_may_fit_are_let_pass(gives: Any, takes: Any) -> None:  # noqa: ANN401
    """A chain is refused only where no value at all could pass."""
    begun(int).pipe(giving("first", int, gives)).pipe(giving("second", takes, int)).build()


@pytest.mark.parametrize(("gives", "takes"), NEVER_FITTING, ids=str)
def test_types_that_never_fit_are_refused(gives: Any, takes: Any) -> None:  # noqa: ANN401
    """A stage that could never read the output of the one before is refused at once."""
    builder = begun(int).pipe(giving("first", int, gives))
    with pytest.raises(
        InvalidWorkflow, match='the input of stage "second" cannot be the output of stage "first"'
    ):
        builder.pipe(giving("second", takes, int))


def test_the_first_group_reads_the_input_of_the_workflow() -> None:
    """Every stage of group 1 gets the workflow's input, so it must be able to read it."""
    with pytest.raises(InvalidWorkflow, match='"small" cannot be the workflow\'s input'):
        begun(Document).parallel(EXTRACT, SMALL)


@pytest.mark.parametrize(
    "takes", [dict[str, int], Mapping[str, object], Sizes, object, Sizes | None, None], ids=str
)
def test_after_a_parallel_group_comes_a_mapping(takes: Any) -> None:  # noqa: ANN401
    """What follows a parallel group reads the outputs by stage id."""
    begun(Words).parallel(SMALL, LARGE).pipe(giving("sum", takes, int)).build()


@pytest.mark.parametrize(("takes", "message"), [(int, "a mapping"), (Document, 'has no "text"')])
def test_what_is_no_mapping_cannot_follow_a_parallel_group(takes: Any, message: str) -> None:  # noqa: ANN401
    """A type that no mapping from these stage ids can be is refused."""
    with pytest.raises(InvalidWorkflow, match=message):
        begun(Words).parallel(SMALL, LARGE).pipe(giving("sum", takes, int))


def test_the_kinds_of_the_fields_are_compared() -> None:
    """A field that is a number on one side and a text on the other never fits."""

    class Texts(TypedDict):
        small: str

    with pytest.raises(InvalidWorkflow, match='"small" of Texts is str, never int'):
        begun(Words).parallel(SMALL, LARGE).pipe(giving("sum", Texts, int))


def test_no_stage() -> None:
    """A workflow without a stage is refused."""
    with pytest.raises(InvalidWorkflow, match='"work" has no stage'):
        begun().build()
    with pytest.raises(InvalidWorkflow, match=r"parallel.*has no stage"):
        begun().parallel()


def test_a_duplicate_id() -> None:
    """A stage id occurs once, across groups and within one."""
    with pytest.raises(InvalidWorkflow, match='"extract" is in workflow "work" already'):
        begun().pipe(EXTRACT).pipe(giving("extract", Words, int))
    with pytest.raises(InvalidWorkflow, match='"extract" is in workflow "work" already'):
        begun().parallel(EXTRACT, EXTRACT)


@pytest.mark.parametrize("group", ["earlier", "same", "absent"])
def test_a_dependency_is_in_an_earlier_group(group: str) -> None:
    """A stage may depend on stages of earlier groups alone; siblings do not see each other."""
    needy = giving("needy", None, int, dependencies=["extract"])
    if group == "earlier":
        begun().pipe(EXTRACT).pipe(needy).build()
    elif group == "same":
        with pytest.raises(InvalidWorkflow, match=r'"needy" depends on "extract".*there is: none'):
            begun().parallel(EXTRACT, needy)
    else:
        with pytest.raises(InvalidWorkflow, match=r'not in an earlier group.*there is: "other"'):
            begun().pipe(giving("other", Document, int)).pipe(needy)


def test_a_stage_that_would_wait_for_ever() -> None:
    """A stage that may suspend has a check or names the signal that wakes it."""

    @stage
    async def waiting(ctx: StageContext[Document]) -> int | Suspended[str]:
        return Suspended("x")

    @stage(signal="approval")
    async def approved(ctx: StageContext[Document]) -> int | Suspended[str]:
        return Suspended("x", check_after=None, signal="approval")

    begun().pipe(approved).build()
    builder = begun().pipe(waiting)
    with pytest.raises(InvalidWorkflow, match=r"@waiting\.check.*signal="):
        builder.build()

    @waiting.check
    async def ready(state: str, ctx: StageContext[Document]) -> Ready[int]:
        return Ready(len(state))

    builder.build()


def test_a_stage_whose_code_names_its_signal_needs_no_declaration() -> None:
    """`Suspended(..., signal=...)` in the code of a stage says what will wake it."""

    @stage
    async def asks(ctx: StageContext[Document]) -> int | Suspended[str]:
        return Suspended("x", signal="approval")

    begun().pipe(asks).build()


def test_a_stage_that_says_how_it_is_woken_needs_neither_check_nor_signal() -> None:
    """A sleep, a wait for a signal by its helper, and a wait that ends by itself may be built."""

    @stage
    async def sleeps(ctx: StageContext[Document]) -> int | Suspended[None]:
        return Suspended.until(datetime.max.replace(tzinfo=UTC))

    @stage
    async def dozes(ctx: StageContext[int]) -> int | Suspended[None]:
        return 1 if ctx.resumed else Suspended.for_duration(60)

    @stage
    async def asks(ctx: StageContext[int]) -> int | Suspended[None]:
        return 1 if ctx.resumed else Suspended.for_signal("approval")

    @stage
    async def expires(ctx: StageContext[int]) -> int | Suspended[None]:
        return Suspended(None, None, 60, then=Ready(1))

    begun().pipe(sleeps).pipe(dozes).pipe(asks).pipe(expires).build()


def test_a_signal_brings_one_thing_in_a_workflow() -> None:
    """Two stages that wait for one name agree on what it brings; one may leave it open."""

    def asking(name: str, **options: Any) -> Any:  # noqa: ANN401 - a stage
        @stage(id=name, signal="approval", **options)
        async def asks(ctx: StageContext[None]) -> int:
            return 1

        return asks

    built = (
        begun()
        .pipe(asking("one"))
        .parallel(asking("two", payload=int), asking("three", payload=int))
        .build()
    )
    assert built.signals["approval"].type is int
    with pytest.raises(InvalidWorkflow, match=r'brings int to stage "one" and str to stage "two"'):
        begun().pipe(asking("one", payload=int)).pipe(asking("two", payload=str)).build()


def test_a_plain_function_is_no_stage() -> None:
    """A function that was not decorated is refused by name."""
    with pytest.raises(InvalidWorkflow, match="len is none; decorate it with @stage"):
        begun().pipe(len)  # type: ignore[arg-type]


def test_the_output_schema_fits_the_last_group() -> None:
    """An output schema that the last output could never fit is refused."""
    with pytest.raises(InvalidWorkflow, match='the output of workflow "work" cannot be'):
        define_workflow("work", input=Document, output=int).pipe(EXTRACT).build()
    built = define_workflow("work", input=Document, output=Words).pipe(EXTRACT).build()
    assert built.output_schema is not None
    assert built.output_schema.type is Words


@pytest.mark.parametrize("wrong", ["", " ", 3, None, "a\0b", "a\nb", "\ud800", "x" * 256])
def test_workflows_and_stages_have_ids_that_every_store_takes(wrong: Any) -> None:  # noqa: ANN401
    """An id is a printable text that is neither empty nor too long for an index."""
    with pytest.raises(InvalidWorkflow, match="cannot be the id of a workflow"):
        define_workflow(wrong, input=int)
    if wrong is not None:
        with pytest.raises(InvalidWorkflow, match="cannot be the id of a stage"):
            stage(id=wrong)(_nothing)


async def _nothing(ctx: StageContext[int]) -> int:
    return ctx.input


def test_a_schema_without_a_form_in_json() -> None:
    """A workflow's own schemas are checked like those of stages."""
    with pytest.raises(InvalidWorkflow, match='The input of workflow "work" cannot be'):
        define_workflow("work", input=type("Strange", (), {}))


def test_a_builder_never_changes() -> None:
    """Each step gives a new builder, so that two workflows can begin with the same stages."""
    first = begun(Words)
    second = first.pipe(SMALL)
    built = second.build()
    third = second.pipe(giving("more", int, str))
    assert [len(each.groups) for each in (first, second, third)] == [0, 1, 2]
    assert [each.id for each in built.stages] == ["small"]
