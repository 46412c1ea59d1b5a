"""From what somebody typed to what was meant, such as a run by the beginning of its id."""

import re
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from attrs import evolve

from eventflow.cli.exits import CommandError, Exit
from eventflow.cli.output import clean
from eventflow.cli.pages import page_of
from eventflow.cli.suggesting import did_you_mean
from eventflow.core.plan import Plan
from eventflow.core.projection import Projection
from eventflow.store.contract import RunQuery, Store

LATEST = "latest"

_PAGE = 500
_MOST_CANDIDATES = 8
_MOST_PAGES = 20
_ID = re.compile(r"[0-9a-f-]+")
_TIME_DIGITS = 12
_SLACK = timedelta(days=2)
"""How far the clocks of hosts may be from that of the store."""


async def find_run(store: Store, given: str) -> Projection:
    """Give the rows of the run that was meant.

    Raises:
        CommandError: There is none, or several ids begin like this; they are listed.
    """
    exact = await store.runs(RunQuery(run_ids=[given], limit=1))
    if exact.items:
        return exact.items[0]
    if given == LATEST:
        return await _newest(store)
    found = await _beginning_with(store, given)
    match found:
        case [one]:
            return one
        case []:
            raise CommandError(
                f'There is no run "{clean(given)}", and no id begins like this; '
                'list what there is with: eventflow run list, or say "latest"',
                Exit.NOT_FOUND,
            )
        case _:
            raise CommandError(_ambiguous(given, found), Exit.NOT_FOUND)


async def _newest(store: Store) -> Projection:
    page = await page_of(store, RunQuery(limit=1))
    if not page.items:
        raise CommandError("The store has no runs yet", Exit.NOT_FOUND)
    return page.items[0]


async def _beginning_with(store: Store, given: str) -> list[Projection]:
    """Find the runs whose ids begin so; some more than can be listed is enough."""
    prefix = given.lower()
    window = _window(prefix)
    if window is None:
        return []
    around = RunQuery(limit=_PAGE, created_from=window[0], created_before=window[1])
    found = await _scan(store, around, prefix)
    # Clocks may have been far off, and tests have a time of their own: look at the newest anyway.
    return found or await _scan(store, RunQuery(limit=_PAGE), prefix, pages=_MOST_PAGES)


async def _scan(
    store: Store, query: RunQuery, prefix: str, pages: int | None = None
) -> list[Projection]:
    """Look through pages of runs until there are enough, or so many pages were looked through."""
    found: list[Projection] = []
    while pages is None or pages > 0:
        page = await store.runs(query)
        found += [each for each in page.items if each.run.run_id.startswith(prefix)]
        if page.next is None or len(found) > _MOST_CANDIDATES:
            break
        query = evolve(query, after=page.next)
        pages = None if pages is None else pages - 1
    return found


def _window(prefix: str) -> tuple[datetime, datetime] | None:
    """Tell when runs with such an id were created: its first 48 bits are milliseconds (UUIDv7)."""
    if not _ID.fullmatch(prefix):
        return None
    digits = prefix.replace("-", "")[:_TIME_DIGITS]
    try:
        first = _time(digits.ljust(_TIME_DIGITS, "0")) - _SLACK
        last = _time(digits.ljust(_TIME_DIGITS, "f"))
    except (OverflowError, ValueError):
        return None
    return first, min(last, datetime.max.replace(tzinfo=UTC) - 2 * _SLACK) + _SLACK


def _time(digits: str) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=int(digits, 16))


def _ambiguous(given: str, found: list[Projection]) -> str:
    lines = [
        f"  {each.run.run_id}  {each.run.status:<9}  {clean(each.run.workflow_id)}  "
        f"{each.run.created_at:%Y-%m-%d %H:%M:%S}"
        for each in found[:_MOST_CANDIDATES]
    ]
    more = ["  ..."] if len(found) > _MOST_CANDIDATES else []
    head = f'Several runs have an id that begins with "{given}"; type more of it:'
    return "\n".join([head, *lines, *more])


def unknown_workflow(given: str, known: Collection[str]) -> CommandError:
    """Say that the application has no such workflow, and which it has."""
    there = ", ".join(sorted(known)) or "none"
    return CommandError(
        f'The application has no workflow "{clean(given)}"; there are: {there}'
        f"{did_you_mean(given, known)}",
        Exit.NOT_FOUND,
    )


def refuse_unknown_stage(plan: Plan, given: str) -> None:
    """Refuse a stage that a plan does not have.

    Raises:
        CommandError: It has none with this id.
    """
    if plan.find(given) is None:
        raise CommandError(
            f'The workflow "{plan.workflow_id}" has no stage "{clean(given)}"; there are: '
            f"{', '.join(plan.stage_ids())}{did_you_mean(given, plan.stage_ids())}",
            Exit.NOT_FOUND,
        )
