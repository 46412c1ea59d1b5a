"""`eventflow store rebuild`: the rows of a store, computed from its log again."""

from eventflow.cli.asking import Yes, confirm
from eventflow.cli.long_work import resumable
from eventflow.cli.output import print_json, say
from eventflow.cli.session import SessionArgument
from eventflow.cli.wording import count
from eventflow.engine.rebuilding import rebuild_rows
from eventflow.engine.walking import newest_position


async def rebuild(*, yes: Yes = False, session: SessionArgument) -> None:
    """Compute the rows of a store from its log again, in one transaction.

    Rows are what lists and workers go by; `eventflow store verify` tells whether they drifted. The
    log is read and proven, and never changed. Workers cannot append meanwhile: stop them first.
    """
    from eventflow.cli.draw.progress import progress  # noqa: PLC0415 - it loads rich

    async with session.acting() as place:
        total = await newest_position(place.store)
        preview = [
            f"Compute all rows of {place.shown} from its {count(total, 'event')} again.",
            "Workers wait meanwhile, as for a store that is away: stop them first.",
        ]
        confirm(preview, yes=yes)
        with (
            resumable(lambda: "nothing was changed; run the command again"),
            progress("rebuilding", "events") as tell,
        ):
            report = await rebuild_rows(
                place.store, progress=lambda done: tell(done, max(total, done))
            )
    if session.json:
        print_json(report)
    else:
        say(f"Computed the rows of {count(report.runs, 'run')} again.")
