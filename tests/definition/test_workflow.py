"""A built workflow answers for its stages, its plan, its config and its schemas."""

import json
from typing import Any

import pytest
from attrs import field, frozen, validators
from attrs.exceptions import FrozenInstanceError

from eventflow.core.plan import Plan, StagePlan
from eventflow.core.retry import Retry
from eventflow.definition.builder import define_workflow
from eventflow.definition.context import StageContext
from eventflow.definition.stage import Stage, stage
from eventflow.definition.workflow import Workflow
from eventflow.errors import InvalidConfig, StageNotFound


@frozen
class Document:
    text: str


@frozen
class Settings:
    max_items: int = field(default=10, validator=validators.ge(1))
    tags: list[str] = field(factory=list)


@frozen
class CountConfig:
    minimum: int = 1
    settings: Settings = field(factory=Settings)


@frozen
class ModelConfig:
    model: str
    temperature: float = 0.7


@stage
async def extract(ctx: StageContext[Document]) -> list[str]:
    """Split a document into words."""
    return ctx.input.text.split()


@stage(timeout=30, retry=Retry(max_attempts=1))
async def count(ctx: StageContext[list[str], CountConfig]) -> int:
    """Count words."""
    return len(ctx.input)


@stage(id="sum-up")
async def sum_up(ctx: StageContext[list[str], ModelConfig]) -> str:
    """Sum words up."""
    return " ".join(ctx.input)


@stage
async def report(ctx: StageContext[dict[str, object]]) -> str:
    """Report."""
    return str(ctx.input)


@pytest.fixture
def workflow() -> Workflow[Document, str]:
    """Build a workflow of three groups."""
    begun = define_workflow("analysis", name="Analysis", input=Document)
    return begun.pipe(extract).parallel(count, sum_up).pipe(report).build()


def paths(workflow: Workflow[Any, Any], config: Any) -> list[tuple[str, str]]:  # noqa: ANN401
    """Validate a config that does not fit, and list the problems."""
    with pytest.raises(InvalidConfig, match='The config of workflow "analysis" does not fit') as it:
        workflow.validate_config(config)
    return [(problem.path, problem.reason) for problem in it.value.problems]


def test_the_plan_is_the_workflow_as_data(workflow: Workflow[Document, str]) -> None:
    """The plan has the groups and policies of the workflow, and names its definition."""
    expected = (
        (StagePlan("extract", "Extract"),),
        (
            StagePlan("count", "Count", Retry(max_attempts=1), 30.0),
            StagePlan("sum-up", "Sum up"),
        ),
        (StagePlan("report", "Report"),),
    )
    assert workflow.plan == Plan("analysis", "Analysis", expected, workflow.plan.fingerprint)


def test_stages_are_found_by_id(workflow: Workflow[Document, str]) -> None:
    """Stages are listed in execution order, and know their group."""
    assert [each.id for each in workflow.stages] == ["extract", "count", "sum-up", "report"]
    assert workflow.stage("sum-up") is sum_up
    assert [workflow.group_of(each.id) for each in workflow.stages] == [1, 2, 2, 3]


def test_an_unknown_stage_is_told_with_those_there_are(workflow: Workflow[Document, str]) -> None:
    """Whoever asks for a stage that does not exist learns which ones do."""
    message = (
        'Stage "non-existent" not found in workflow "analysis" '
        '(it has: "extract", "count", "sum-up", "report")'
    )
    with pytest.raises(StageNotFound) as caught:
        workflow.stage("non-existent")
    assert str(caught.value) == message
    with pytest.raises(StageNotFound):
        workflow.group_of("non-existent")


def test_a_workflow_is_frozen(workflow: Workflow[Document, str]) -> None:
    """Nothing of a workflow or a stage can be set anew."""
    with pytest.raises(FrozenInstanceError):
        workflow.id = "other"  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        extract.timeout = 3.0  # type: ignore[misc]


def test_defaults_are_given_per_stage(workflow: Workflow[Document, str]) -> None:
    """Stages with a config have the defaults of its fields; required fields are left out."""
    assert workflow.default_config() == {
        "count": {"minimum": 1, "settings": {"max_items": 10, "tags": []}},
        "sum-up": {"temperature": 0.7},
    }


def test_given_fields_replace_defaults_one_by_one(workflow: Workflow[Document, str]) -> None:
    """A stage's given fields replace its defaults; the others stay, and all is complete."""
    given = {"sum-up": {"model": "m"}, "count": {"settings": {"max_items": 3}}}
    assert workflow.merge_config(given) == {
        "count": {"minimum": 1, "settings": {"max_items": 3}},
        "sum-up": {"temperature": 0.7, "model": "m"},
    }
    assert workflow.validate_config(given) == {
        "count": {"minimum": 1, "settings": {"max_items": 3, "tags": []}},
        "sum-up": {"model": "m", "temperature": 0.7},
    }


def test_a_config_can_be_given_as_instances(workflow: Workflow[Document, str]) -> None:
    """A typed config counts like the same config as data."""
    given = {"sum-up": ModelConfig("m", 1.0), "count": {"settings": Settings(3)}}
    assert workflow.validate_config(given) == {
        "count": {"minimum": 1, "settings": {"max_items": 3, "tags": []}},
        "sum-up": {"model": "m", "temperature": 1.0},
    }


def test_what_was_checked_can_be_given_again(workflow: Workflow[Document, str]) -> None:
    """A stored config is a valid config."""
    stored = workflow.validate_config({"sum-up": {"model": "m"}})
    assert workflow.validate_config(stored) == stored


def test_all_problems_of_all_stages_come_at_once(workflow: Workflow[Document, str]) -> None:
    """One error lists every stage and field that is wrong."""
    found = paths(
        workflow,
        {
            "count": {"minimum": "3", "settings": {"max_items": 0, "tags": [1]}, "mini": 1},
            "sum-up": {"temperature": float("nan")},
            "extract": {"any": 1},
            "unknown": {},
            "Sum_up": {},
        },
    )
    assert [path for path, _ in found] == [
        "extract",
        "unknown",
        "Sum_up",
        "sum-up.temperature",
        "count.mini",
        "count.minimum",
        "count.settings.tags[0]",
        "count.settings.max_items",
    ]
    reasons = dict(found)
    assert reasons["unknown"].startswith('no such stage; there is: "extract", "count"')
    assert reasons["Sum_up"].endswith('; did you mean "sum-up"?')
    assert reasons["extract"] == "the stage takes no config"
    assert reasons["count.settings.max_items"] == "must be >= 1: 0"


def test_a_required_field_is_asked_for(workflow: Workflow[Document, str]) -> None:
    """A config without a default must be given."""
    assert paths(workflow, {}) == [("sum-up.model", "required, but missing")]


@pytest.mark.parametrize("wrong", [[], "x", 3])
def test_a_config_is_a_mapping_of_mappings(workflow: Workflow[Document, str], wrong: Any) -> None:  # noqa: ANN401
    """What is no mapping is refused, for all stages or for one."""
    assert paths(workflow, wrong)[0][0] == ""
    assert paths(workflow, {"count": wrong, "sum-up": {"model": "m"}})[0][0] == "count"


def test_stages_without_config_take_none(workflow: Workflow[Document, str]) -> None:
    """Nothing, said explicitly, is the right config for a stage without one."""
    given = {"extract": {}, "report": None, "sum-up": {"model": "m"}}
    assert set(workflow.validate_config(given)) == {"count", "sum-up"}


def test_a_config_need_not_be_a_class() -> None:
    """A plain type is a config, too, taken as it is given."""

    @stage(id="x", input=None, config=int, output=int)
    def plain(ctx: Any) -> Any:  # noqa: ANN401
        return ctx.config

    built = define_workflow("analysis", input=None).pipe(plain).build()
    assert built.validate_config({"x": 3}) == {"x": 3}
    assert paths(built, {}) == [("x", "expected an integer, got null")]


def test_the_execution_order_can_be_read(workflow: Workflow[Document, str]) -> None:
    """The description shows the groups, what goes in and what comes out."""
    assert workflow.describe().splitlines() == [
        "analysis: Analysis",
        "  input: Document",
        "  1. extract: Document -> list[str]",
        "  2. in parallel:",
        "     - count: list[str] -> int",
        "     - sum-up: list[str] -> str",
        "  3. report: dict[str, object] -> str",
        "  output: str",
    ]


def test_the_output_of_a_last_parallel_group_is_described() -> None:
    """A workflow that ends in parallel gives a mapping from stage id to output."""
    built = define_workflow("analysis", input=list[str]).parallel(count, sum_up).build()
    assert built.describe().splitlines()[-1] == "  output: {count: int, sum-up: str}"
    assert built.json_schema()["output"] == {
        "type": "object",
        "properties": {"count": {"type": "integer"}, "sum-up": {"type": "string"}},
        "required": ["count", "sum-up"],
    }


def test_the_json_schema_names_every_end(workflow: Workflow[Document, str]) -> None:
    """Input, output, and each stage's config and output are described, with one set of $defs."""
    described = workflow.json_schema()
    assert described["input"] == {"$ref": "#/$defs/Document"}
    assert described["output"] == {"type": "string"}
    assert set(described["config"]) == {"count", "sum-up"}
    assert set(described["stages"]) == {"extract", "count", "sum-up", "report"}
    assert set(described["$defs"]) == {"CountConfig", "Document", "ModelConfig", "Settings"}
    assert described["signals"] == {}
    json.dumps(described, allow_nan=False)


def test_the_json_schema_describes_what_signals_bring() -> None:
    """A payload is described under the name of its signal; one without a schema is not."""
    first = variant(id="first", signal="go", payload=Document)
    second = variant(id="second", signal="stop", input=object)
    built: Any = define_workflow("w", input=object).pipe(first).pipe(second).build()
    assert built.json_schema()["signals"] == {"go": {"$ref": "#/$defs/Document"}}
    assert [*built.signals] == ["go"]


def fingerprint(*stages: Stage[Any, Any], takes: Any = list[str]) -> str:  # noqa: ANN401
    """Build a workflow of these stages, one after the other."""
    builder: Any = define_workflow("analysis", input=takes)
    for each in stages:
        builder = builder.pipe(each)
    built: Workflow[Any, Any] = builder.build()
    return built.plan.fingerprint


def variant(**options: Any) -> Stage[Any, Any]:  # noqa: ANN401
    """Make a stage that differs from others in its options alone."""
    facts = {"id": "x", "input": object, "config": None, "output": int, **options}

    @stage(**facts)
    def made(ctx: Any) -> Any:  # noqa: ANN401
        return 1

    return made


def test_the_fingerprint_names_the_definition() -> None:
    """The same definition has the same fingerprint."""
    assert fingerprint(variant()) == fingerprint(variant())
    assert len(fingerprint(variant())) == 16


@pytest.mark.parametrize(
    "change",
    [
        {"id": "y"},
        {"timeout": 3},
        {"retry": Retry(max_attempts=7)},
        {"retry": Retry(give_up_on=[ValueError])},
        {"input": list[str]},
        {"config": CountConfig},
        {"output": str},
        {"state": int, "signal": "go"},
        {"signal": "go", "payload": int},
    ],
)
def test_the_fingerprint_changes_with_the_definition(change: dict[str, Any]) -> None:
    """Whatever a run can notice of a definition is part of its fingerprint."""
    assert fingerprint(variant(**change)) != fingerprint(variant())


def test_the_fingerprint_knows_the_groups() -> None:
    """The same stages in other groups are another workflow."""
    first, second = variant(), variant(id="y")
    side_by_side = define_workflow("analysis", input=list[str]).parallel(first, second).build()
    assert side_by_side.plan.fingerprint != fingerprint(first, second)
