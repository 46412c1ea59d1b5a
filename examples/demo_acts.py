"""The later acts of the demo: what the runs came to, and what their histories can tell."""

import textwrap

from demo_common import PATIENCE, Demo, DoesNotHold, HeldJob, all_runs, title
from document_analysis import Report, report, results_table
from plain_table import WIDTH, table

import eventflow as ef
from eventflow.core.state import RunState
from eventflow.store.envelope import Envelope

MODEST_LENGTH = 100
"""Words that a text has at least for its reading ease to mean something."""


async def show_results(demo: Demo) -> dict[str, Report]:
    """Show the easiest, the hardest and the longest documents; give the reports of all."""
    title("3. Results")
    reports: list[Report] = [await run.result(PATIENCE) for run in demo.runs.values()]
    measured = [found for found in reports if found.ease is not None]
    modest = [found for found in measured if found.words >= MODEST_LENGTH]
    by_ease = sorted(modest, key=lambda found: found.ease or 0.0)
    by_length = sorted(measured, key=lambda found: found.words)
    chosen = dict.fromkeys(each.name for each in [*by_ease[-3:], *by_ease[:3], *by_length[-3:]])
    named = {found.name: found for found in reports}
    print(f"The easiest, the hardest and the longest to read, of {len(reports)}:\n")
    print(results_table([named[name] for name in chosen]))
    return named


async def show_timeline(job: HeldJob) -> None:
    """Show the history of a run that the killed worker had in hand."""
    title(f'4. The history of "{job.document}"')
    history = await job.run.history()
    start = history[0].recorded_at
    print(
        table(
            ["version", "seconds", "event", "who", "what"],
            [
                (
                    fact.version,
                    f"{(fact.recorded_at - start).total_seconds():7.3f}",
                    fact.type,
                    fact.actor or "",
                    _what(fact),
                )
                for fact in history
            ],
        )
    )


def _what(fact: Envelope) -> str:
    """Say in a few words what an event is about."""
    told = {name: getattr(fact.event, name, None) for name in ("attempt", "token", "message")}
    parts = [_stage(fact), *(f"{name} {value}" for name, value in told.items() if value)]
    if fact.type == "lease.expired":
        parts.append(f"held by {getattr(fact.event, 'worker', None)}")
    return ", ".join(part for part in parts if part is not None)


def _stage(fact: Envelope) -> str | None:
    return getattr(fact.event, "stage", None)


async def show_the_past(job: HeldJob) -> None:
    """Show what a run was at an earlier version, and what it is now."""
    then, now = await job.run.state(at=job.version), await job.run.state()
    title(f"5. The same run as of version {then.version}, just before the kill, and as it is now")
    print(
        table(
            ["", f"version {then.version}", f"version {now.version}"],
            [
                ("run", then.status, now.status),
                *((stage, _status(then, stage), _status(now, stage)) for stage in now.stages),
            ],
        )
    )


def _status(state: RunState, stage_id: str) -> str:
    stage = state.stages.get(stage_id)
    if stage is None:
        return "not scheduled yet"
    held = f" at {stage.claim.worker}" if stage.claim else ""
    again = f", generation {stage.generation}" if stage.generation else ""
    return f"{stage.status}{held}, attempt {stage.attempt}{again}"


async def show_rerun(document: str, run: ef.Run) -> None:
    """Run the last stage again with another config; everything before it is kept.

    Raises:
        DoesNotHold: Something else was executed again.
    """
    title(f'6. "{document}" again, from the report on, as Markdown')
    before, versions = await run.result(), len(await run.history())
    generation = await run.rerun_from(
        report.id,
        reason="a page instead of a line",
        actor="demo",
        config={report.id: {"style": "markdown"}},
    )
    after = await run.result(PATIENCE)
    added = (await run.history())[versions:]
    executed = [_stage(fact) for fact in added if fact.type == "stage.completed"]
    if executed != [report.id]:
        raise DoesNotHold(f"the rerun from {report.id} executed {executed}")
    print(f"Before:\n\n{_indented(before.text)}\n\nAfter:\n\n{_indented(after.text)}\n")
    print(
        f"Generation {generation}: {len(added)} events behind the {versions} there were; "
        f"executed: {', '.join(map(str, executed))}."
    )


def _indented(text: str, most: int = 10) -> str:
    """Wrap a text, and leave out what would fill the screen."""
    lines = [part for line in text.splitlines() for part in textwrap.wrap(line, WIDTH - 4) or [""]]
    more = [f"... and {len(lines) - most} lines more"] if len(lines) > most else []
    return textwrap.indent("\n".join([*lines[:most], *more]), "    ")


async def verify_all(runtime: ef.Runtime) -> None:
    """Recompute every hash, fold every run, and look for gaps.

    Raises:
        DoesNotHold: A version or a position is missing.
        HistoryAltered: A history does not fit its hash chain.
    """
    title("7. The proof")
    positions: list[int] = []
    runs = [run async for run, _ in all_runs(runtime)]
    for run in runs:
        verified = await run.verify()
        history = await run.history()
        if [fact.version for fact in history] != list(range(1, verified.events + 1)):
            raise DoesNotHold(f"run {run.id} has a gap in its versions")
        positions += [fact.position for fact in history]
    if sorted(positions) != list(range(1, len(positions) + 1)):
        raise DoesNotHold("the positions of the store have a gap")
    print(f"{len(runs)} runs, {len(positions)} events: every hash fits the one before it, the rows")
    print("are what the events say, and versions and positions have no gap.")
