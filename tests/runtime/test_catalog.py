"""The catalog: an application keeps its workflows as it likes."""

from collections.abc import Callable
from typing import Any

import pytest

import eventflow as ef
from eventflow.runtime.catalog import Catalog
from eventflow.testing.clock import ManualClock
from tests.runtime.conftest import Open


@ef.stage
async def work(ctx: ef.StageContext[int]) -> int:
    """Give the number back."""
    return ctx.input


def workflow(id: str) -> ef.Workflow[Any, Any]:
    """Build a workflow of one stage."""
    return ef.define_workflow(id, input=int).pipe(work).build()


A, B = workflow("a"), workflow("b")


class Library:
    """An application's own collection, which makes workflows when they are asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def get_workflow(self, workflow_id: str) -> ef.Workflow[Any, Any] | None:
        """Give a workflow, or None."""
        self.asked.append(workflow_id)
        return {"a": A, "b": B}.get(workflow_id)


FORMS: list[Callable[[], Any]] = [
    lambda: [A, B],
    lambda: (each for each in (A, B)),
    lambda: {"a": A, "b": B},
    Library,
]


@pytest.mark.parametrize("form", FORMS, ids=["list", "generator", "mapping", "object"])
def test_workflows_are_found_by_id(form: Callable[[], Any]) -> None:
    """In whatever form they are given; what is not there is None, or an error that says so."""
    catalog = Catalog(form())
    assert (catalog.get("a"), catalog.find("b"), catalog.find("c")) == (A, B, None)
    assert dict(catalog.known()) == {"a": A, "b": B}
    assert catalog.claimable() == {"a": {"work"}, "b": {"work"}}
    with pytest.raises(ef.WorkflowNotFound, match=r'"c" not found; registered: "a", "b"'):
        catalog.get("c")


def test_ids_of_eventflow_itself_are_refused() -> None:
    """Runs of such workflows are not listed, so nobody should have them by accident."""
    with pytest.raises(ef.InvalidWorkflow, match="rename the workflow"):
        Catalog([workflow("eventflow.mine")])


def test_an_empty_catalog_says_so() -> None:
    """The error tells how to register a workflow."""
    with pytest.raises(ef.WorkflowNotFound, match=r"registered: none\. Pass it to Runtime"):
        Catalog(()).get("a")


def test_an_object_is_asked_once_for_each_workflow() -> None:
    """What was found is kept, so that a run does not change its stages under way."""
    library = Library()
    catalog = Catalog(library)
    assert catalog.find("a") is catalog.find("a")
    assert library.asked == ["a"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([A, workflow("a")], 'Two workflows have the id "a"'),
        ({"x": A, "y": A}, 'Two workflows have the id "a"'),
        (
            [ef.define_workflow("a", input=int).pipe(work)],
            r'^The workflow "a" is not built yet; end its definition with \.build\(\)$',
        ),
        ([work], r"takes workflows, as define_workflow\(\.\.\.\)\.build\(\) gives them"),
        (A, r"give \[a\], and not one alone"),
    ],
    ids=["twice", "twice in a mapping", "not built", "a stage", "one alone"],
)
def test_what_is_no_collection_of_workflows_is_refused(wrong: Any, message: str) -> None:  # noqa: ANN401
    """When the runtime is made, with what to do."""
    with pytest.raises(ef.InvalidWorkflow, match=message):
        ef.Runtime("memory://", wrong)


async def test_a_worker_finds_the_workflows_of_runs_that_others_created(
    open_runtime: Open, clock: ManualClock
) -> None:
    """With an object it knows no id beforehand; the runs in the store bring them."""
    creator = await open_runtime(A, B)
    runs = [await creator.create_run(each, 1) for each in ("a", "b")]
    worker = ef.Runtime(creator._open_parts.handles.journal.store, Library(), clock=clock)
    async with worker:
        await worker.start()
        for run in runs:
            assert await clock.run_until(run.result(), limit=15) == 1
        assert set(worker.workflows) == {"a", "b"}


class Strict(Library):
    """A collection that raises for what it does not have, though it should not."""

    def get_workflow(self, workflow_id: str) -> ef.Workflow[Any, Any]:
        """Give a workflow."""
        return {"a": A}[workflow_id]


async def test_a_collection_that_raises_stops_no_worker(
    open_runtime: Open, clock: ManualClock
) -> None:
    """The runs whose workflows are there are executed all the same."""
    creator = await open_runtime(A, B)
    await creator.create_run("b", 1)
    worker = ef.Runtime(creator._open_parts.handles.journal.store, Strict(), clock=clock)
    async with worker:
        await worker.start()
        await clock.advance(30)
        run = await worker.create_run("a", 1)
        assert await clock.run_until(run.result()) == 1
