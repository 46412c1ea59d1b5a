"""The first acts of the demo: runs, two workers, and the end of one of them."""

import asyncio
import platform
import signal
import textwrap
from collections import Counter
from collections.abc import AsyncIterator, Sequence

from demo_common import PATIENCE, Demo, DoesNotHold, HeldJob, Progress, all_runs, title
from demo_worker import STALE_AFTER, WorkerProcess, demo_analysis
from document_analysis import corpus_of, priority_of
from documents import language_reference
from plain_table import WIDTH, table

import eventflow as ef

BEAT = 0.1
"""Seconds between two looks at the runs."""


async def create_runs(demo: Demo, limit: int | None) -> None:
    """Create a run for each document; nobody is there yet to execute them."""
    sources = language_reference()
    if limit is not None:
        sources = sources[:: max(1, len(sources) // limit)][:limit]
    documents = corpus_of(sources)
    runs = await asyncio.gather(
        *(
            demo.runtime.create_run(
                demo_analysis.id,
                document,
                priority=priority_of(document),
                metadata={"document": document.name, "session": demo.session},
                actor="demo",
            )
            for document in documents
        )
    )
    demo.runs.update(zip((document.name for document in documents), runs, strict=True))
    title("1. Runs")
    python = platform.python_version()
    print(f"One for each of {len(runs)} documents of the language reference of Python {python};")
    print("all are durable, and nobody is there yet to execute them. Their workflow:\n")
    print(demo_analysis.describe())


async def watch_and_kill(demo: Demo, workers: Sequence[WorkerProcess]) -> list[HeldJob]:
    """Watch until all runs have completed, and kill a worker when about a quarter of them has.

    Raises:
        DoesNotHold: A run failed or did not end, or a worker ended by itself.
    """
    title("2. Two workers, one of them killed")
    print(", ".join(f"{worker.name} is process {worker.pid}" for worker in workers) + ".")
    total, killed, progress = len(demo.runs), list[HeldJob](), Progress()
    for _ in range(int(PATIENCE / BEAT)):
        completed = await count_completed(demo)
        progress.show(completed, total)
        if completed == total:
            break
        if not killed and completed >= total // 4 - 2:
            killed = await kill_busiest(demo, workers)
            progress.interrupt(_obituary(killed))
        if any(worker.died for worker in workers if worker.name not in _names(killed)):
            raise DoesNotHold("a worker ended by itself")
        await asyncio.sleep(BEAT)
    else:
        raise DoesNotHold(f"some runs did not end within {PATIENCE:g} s")
    if not killed:
        raise DoesNotHold("all runs ended before a worker could be killed; take more documents")
    return killed


async def count_completed(demo: Demo) -> int:
    """Count the runs that have completed, by the rows of the store: no history is read.

    Raises:
        DoesNotHold: A run failed.
    """
    counts = Counter([status async for _, status in all_runs(demo.runtime, demo.session)])
    if counts[ef.Status.FAILED]:
        raise DoesNotHold(f"{counts[ef.Status.FAILED]} runs failed")
    return counts[ef.Status.COMPLETED]


async def kill_busiest(demo: Demo, workers: Sequence[WorkerProcess]) -> list[HeldJob]:
    """Kill the worker with most jobs in hand; give these jobs.

    It is frozen first: what it holds while we look, it still holds when it dies.
    """
    counts = Counter([job.worker async for job in held_jobs(demo)])
    if not counts:
        return []
    busiest = max(workers, key=lambda worker: counts[worker.name])
    busiest.send(signal.SIGSTOP)
    await asyncio.sleep(BEAT)
    held = [job async for job in held_jobs(demo) if job.worker == busiest.name]
    busiest.send(signal.SIGKILL if held else signal.SIGCONT)
    return held


async def held_jobs(demo: Demo) -> AsyncIterator[HeldJob]:
    """List the claims that workers hold at the moment."""
    for document, run in demo.runs.items():
        state = await run.state()
        for stage in state.stages.values():
            if stage.claim is not None:
                token, version = stage.claim.token, state.version
                yield HeldJob(stage.claim.worker, document, run, stage.id, token, version)


async def show_who_finished(killed: Sequence[HeldJob]) -> None:
    """Show what became of the jobs that the killed worker had in hand.

    Raises:
        DoesNotHold: One was not completed exactly once, by somebody else.
    """
    print(
        f"\nIts claims held for {STALE_AFTER:g} s without a sign of life. Then others took over:\n"
    )
    headers = ["document", "stage", "in hand of", "expired after", "attempt", "completed by"]
    print(table(headers, [await _taken_over(job) for job in killed]))


async def _taken_over(job: HeldJob) -> Sequence[object]:
    """Read in the history of a run who finished a job."""
    history = [fact for fact in await job.run.history() if fact.version >= job.token]
    claimed, *later = [fact for fact in history if getattr(fact.event, "stage", "") == job.stage]
    expired = [fact for fact in later if fact.type == "lease.expired"]
    completed = [fact for fact in later if fact.type == "stage.completed"]
    if not expired or len(completed) != 1 or completed[0].actor == job.worker:
        raise DoesNotHold(f"{job.stage} of {job.document} was not completed once by another worker")
    waited = (expired[0].recorded_at - claimed.recorded_at).total_seconds()
    attempt = getattr(completed[0].event, "attempt", None)
    return [job.document, job.stage, job.worker, f"{waited:.1f} s", attempt, completed[0].actor]


def _obituary(killed: Sequence[HeldJob]) -> str:
    if not killed:
        return ""
    jobs = ", ".join(f"{job.stage} of {job.document}" for job in killed)
    text = f"{killed[0].worker} was killed (SIGKILL) with {_counted(killed)} in hand: {jobs}."
    return textwrap.indent(textwrap.fill(text, WIDTH - 4), "  ! ")


def _counted(jobs: Sequence[HeldJob]) -> str:
    return "1 job" if len(jobs) == 1 else f"{len(jobs)} jobs"


def _names(killed: Sequence[HeldJob]) -> set[str]:
    return {job.worker for job in killed}
