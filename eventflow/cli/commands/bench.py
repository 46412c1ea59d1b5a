"""`eventflow bench`: how fast eventflow is on a store, beside the bare speed of that store."""

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Annotated

from attrs import evolve, frozen
from cyclopts import Parameter

from eventflow.cli.bench.effort import QUICK, SHARED, Effort, Part
from eventflow.cli.bench.figures import Figure
from eventflow.cli.bench.measure import Bench
from eventflow.cli.exits import CommandError
from eventflow.cli.log_options import Logs
from eventflow.cli.logs import configure_logs
from eventflow.cli.naming import DEFAULT_STORE, named_store
from eventflow.cli.output import print_json, say
from eventflow.cli.session import SessionArgument
from eventflow.runtime.tuning import tune_process
from eventflow.store.registry import redact
from eventflow.store.scratch import scratch_stores


@frozen
class Report:
    """Everything that was measured, and how busy the machine was meanwhile."""

    store: str
    processors: int | None
    load_before: float
    load_after: float
    figures: Sequence[Figure]


async def bench(
    *,
    only: Annotated[list[Part] | None, Parameter(negative=())] = None,
    quick: bool = False,
    rounds: int | None = None,
    in_flight: Annotated[list[int] | None, Parameter(negative=())] = None,
    backlog: Annotated[list[int] | None, Parameter(negative=())] = None,
    session: SessionArgument,
) -> None:
    """Measure how fast a store is, beside its bare speed: runs, latency, claims, memory.

    Everything is done in empty stores beside the one that is named, on the same disk or in the
    same database, which are removed at the end; the store itself is neither read nor changed.
    Trust the ratios more than the figures: both sides of one are measured in turn.

    Args:
        only: Only this part; give it several times for several.
        quick: Measure little, to see that it works.
        rounds: How often each thing is measured.
        in_flight: How many runs are under way at once; give it several times for several.
        backlog: How many jobs wait while others are claimed; give it several times for several.
    """
    effort = _effort(quick, rounds, in_flight, backlog)
    named = named_store(session.url)
    url = DEFAULT_STORE if named is None else named.value
    configure_logs(Logs())
    tune_process()
    before = os.getloadavg()[0]
    with ExitStack() as stack:
        tell = _teller(stack)
        async with scratch_stores(url) as new_store:
            bench = Bench(new_store, effort, tell)
            figures = [found async for found in bench.measure(_parts(only, url))]
    report = Report(redact(url), os.cpu_count(), before, os.getloadavg()[0], figures)
    if session.json:
        print_json(report)
    else:
        _draw(report)


def _effort(
    quick: bool,  # noqa: FBT001 - as it was typed
    rounds: int | None,
    in_flight: list[int] | None,
    backlogs: list[int] | None,
) -> Effort:
    effort = QUICK if quick else Effort()
    if rounds is not None:
        effort = evolve(effort, rounds=rounds)
    if in_flight:
        effort = evolve(effort, in_flight=tuple(in_flight))
    if backlogs:
        effort = evolve(effort, backlogs=tuple(sorted(backlogs)))
    for name, least, given in (
        ("--rounds", 1, (effort.rounds,)),
        ("--in-flight", 1, effort.in_flight),
        ("--backlog", effort.claims, effort.backlogs),
    ):
        if min(given) < least:
            raise CommandError(f"{name} is at least {least}, not {min(given)}")
    return effort


def _parts(only: list[Part] | None, url: str) -> frozenset[Part]:
    """Choose what is measured; a store in memory has no other processes."""
    alone = url.startswith("memory:")
    asked = frozenset(only or Part)
    if alone and only and asked & SHARED:
        refused = ", ".join(sorted(asked & SHARED))
        raise CommandError(f"No other process can open {url}, so there is no: {refused}")
    return asked - SHARED if alone else asked


def _teller(stack: ExitStack) -> Callable[[str], object]:
    """Show what is being done: on one line of a terminal, or line by line."""
    from eventflow.cli.draw.console import console  # noqa: PLC0415 - it loads rich

    screen = console(stderr=True)
    if not screen.is_terminal:
        return say
    status = stack.enter_context(screen.status("measuring"))
    return status.update


def _draw(report: Report) -> None:
    from eventflow.cli.draw.bench import draw_figures  # noqa: PLC0415 - it loads rich

    draw_figures(report.figures)
    say(
        f"{report.store}, {report.processors} processors; load average {report.load_before:.1f} "
        f"before and {report.load_after:.1f} after: a busy machine gives lower figures"
    )
