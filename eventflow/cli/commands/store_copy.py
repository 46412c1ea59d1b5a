"""`eventflow store copy`: all runs of a store, into another one."""

from pathlib import Path

from eventflow.cli.asking import Yes, confirm
from eventflow.cli.exits import CommandError, Exit
from eventflow.cli.long_work import resumable
from eventflow.cli.naming import Named
from eventflow.cli.output import print_json, say
from eventflow.cli.session import Place, Session, SessionArgument
from eventflow.cli.wording import count
from eventflow.engine.copying import BATCH, CopyReport, copy_history
from eventflow.engine.walking import newest_position
from eventflow.store.contract import Store
from eventflow.store.inspection import Inspection, inspect_store
from eventflow.store.registry import open_store, redact


async def copy(
    *,
    to: str,
    after: int = 0,
    batch: int = BATCH,
    yes: Yes = False,
    session: SessionArgument,
) -> None:
    """Copy all runs to another store, each event as it was recorded, and verified.

    What the other store has already is not copied again, so that a copy that was interrupted goes
    on, and a later one brings what is new.

    Args:
        to: The URL of the other store; it is made if need be.
        after: Begin behind this position of the store: the "position" of an earlier copy.
        batch: How many events to read at once.
    """
    if batch < 1:
        raise CommandError(f"--batch is at least 1, not {batch}")
    if to.startswith("memory:"):
        raise CommandError(f"{to} is gone with this process; name a store that lasts")
    async with session.looking() as place:
        await _refuse_itself(session, to)
        total = await newest_position(place.store)
        found = await inspect_store(to)
        new = found is not None and not found.exists
        preview = [
            f"Copy {count(max(total - after, 0), 'event')} of {place.shown}",
            f"  to {redact(to)}{', a new store' if new else ''}.",
        ]
        confirm(preview, yes=yes)
        target = await open_store(to)
        try:
            report = await _copied(place, target, after=after, batch=batch, total=total)
        finally:
            await target.close()
    if session.json:
        print_json(report)
    else:
        say(
            f"Copied {count(report.copied, 'event')} and {count(report.runs, 'new run')}; "
            f"{report.present:,} were there already. Position {report.position}."
        )
        if report.left_out:
            left_out = count(report.left_out, "event")
            say(f"Left out {left_out} of subscriptions: the positions of {redact(to)} are others.")


async def _refuse_itself(session: Session, to: str) -> None:
    """Refuse to copy a store onto itself, as far as can be told."""
    named = session.store()
    if not isinstance(named, Named):
        return
    source, target = await inspect_store(named.value), await inspect_store(to)
    if _where(named.value, source) == _where(to, target):
        raise CommandError(
            f"{redact(to)} is the store to copy from ({named.source}); name another one with --to",
            Exit.REFUSED,
        )


def _where(url: str, found: Inspection | None) -> str | Path:
    """Give the file that a URL leads to, however it is written; else the URL."""
    file = None if found is None else found.details.get("file")
    return url if file is None else Path(file).resolve()


async def _copied(place: Place, target: Store, *, after: int, batch: int, total: int) -> CopyReport:
    from eventflow.cli.draw.progress import progress  # noqa: PLC0415 - it loads rich

    reached = CopyReport(position=after)

    def told(report: CopyReport) -> None:
        nonlocal reached
        reached = report
        tell(report.position, max(total, report.position))

    with (
        resumable(
            lambda: (
                f"copied up to position {reached.position}, nothing half-written; "
                "run the same command again to go on"
            )
        ),
        progress("copying", "events") as tell,
    ):
        return await copy_history(place.store, target, progress=told, batch=batch, after=after)
