"""The demo's runs as fixtures: exported, loaded, checked, and replayed by the code of today."""

import asyncio
import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from attrs import evolve

import eventflow as ef
from eventflow.testing import History, ReplayReport, check, load_all, replay
from tests.architecture.sources import ROOT
from tests.examples.run_example import run_example

DOCUMENTS = 4
URL = "sqlite:///demo.db"


@pytest.fixture(scope="module")
def demo() -> ModuleType:
    """The demo's worker, which has its workflow."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "examples")
        return importlib.import_module("demo_worker")


@pytest.fixture(scope="module")
def analysis() -> ModuleType:
    """The analysis of documents, whose stages the demo uses."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "examples")
        return importlib.import_module("document_analysis")


@pytest.fixture
async def histories(demo: ModuleType, analysis: ModuleType, tmp_path: Path) -> list[History]:
    """A few runs of both workflows, through a file, and none of them over a slow line."""
    at_once = {demo.fetch.id: {"latency": 0.0, "bytes_per_second": 1e9}}
    workflows = [demo.demo_analysis, analysis.analysis]
    url = f"sqlite:///{tmp_path}/demo.db?synchronous=NORMAL"
    async with ef.Runtime(url, workflows) as runtime:
        await runtime.start()
        documents = analysis.corpus_of(analysis.language_reference()[:DOCUMENTS])
        runs = [
            await runtime.create_run(workflow.id, document, config=config)
            for document in documents
            for workflow, config in zip(workflows, (at_once, {}), strict=True)
        ]
        for run in runs:
            await run.result(timeout=60)
        await runtime.export(None, tmp_path / "demo.ndjson")
    return list(load_all(tmp_path / "demo.ndjson"))


def workflow_of(history: History, *modules: ModuleType) -> Any:  # noqa: ANN401 - a workflow
    """Find the workflow of a run in the modules of the demo."""
    demo, analysis = modules
    there = {each.id: each for each in (demo.demo_analysis, analysis.analysis)}
    return there[history.workflow_id]


async def test_the_runs_of_the_demo_are_accepted_and_replayed_without_a_divergence(
    histories: list[History], demo: ModuleType, analysis: ModuleType
) -> None:
    """Every stage of every run gives what it gave, alone and fed on."""
    assert len(histories) == 2 * DOCUMENTS
    for history in histories:
        workflow = workflow_of(history, demo, analysis)
        check(history, workflow).assert_ok()
        alone = await replay(history, workflow)
        alone.assert_same()
        assert alone.executed == len(workflow.stages)
        (await replay(history, workflow, feed=True)).assert_same()


def test_the_demo_itself_is_replayed_although_a_worker_was_killed(
    demo: ModuleType, tmp_path: Path
) -> None:
    """What the killed worker had in hand is skipped; a run that was rerun is replayed as well."""
    ended = run_example("demo.py", "--documents", "6", "--store", URL, folder=tmp_path)
    assert ended.returncode == 0, ended.stderr

    async def replayed() -> list[ReplayReport]:
        async with ef.Runtime(URL.replace("///", f"///{tmp_path}/")) as runtime:
            await runtime.export(None, tmp_path / "demo.ndjson")
        histories = list(load_all(tmp_path / "demo.ndjson"))
        assert max(history.state().generation for history in histories) == 1
        for history in histories:
            check(history, demo.demo_analysis).assert_ok()
        return await asyncio.gather(*(replay(each, demo.demo_analysis) for each in histories))

    reports = asyncio.run(replayed())
    assert [str(report) for report in reports if not report.same] == []
    assert [report.executed for report in reports] == [6] * 6
    assert "its worker was lost, or gave it back" in {
        skipped.reason for report in reports for skipped in report.skipped
    }


async def test_a_deliberate_change_of_one_stage_is_named_exactly(
    histories: list[History], demo: ModuleType, analysis: ModuleType
) -> None:
    """One stage counts one word too many: that stage and that field, in every run, and no other."""

    def readability(ctx: Any) -> Any:  # noqa: ANN401 - as in the example
        measured = analysis.readability.function(ctx)
        return evolve(measured, words=measured.words + 1)

    for history in histories:
        workflow = workflow_of(history, demo, analysis)
        report = await replay(history, workflow, replace={"readability": readability})
        assert [(each.stage, each.path) for each in report.divergences] == [
            ("readability", "output.words")
        ]
        fed = await replay(history, workflow, replace={"readability": readability}, feed=True)
        assert [(each.stage, each.path) for each in fed.divergences] == [
            ("readability", "output.words"),
            ("report", "output.words"),
            ("report", "output.text"),
            (None, "output.words"),
            (None, "output.text"),
        ]
