"""`eventflow demo`: what eventflow does, in ten seconds and without any set-up."""

import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from eventflow.cli.arguments import Flag
from eventflow.cli.exits import CommandError
from eventflow.cli.output import say
from eventflow.cli.session import Session, SessionArgument


async def demo(*, keep: Flag = False, session: SessionArgument) -> None:
    """See what eventflow does, in ten seconds.

    A few orders go through a workflow in a store of their own, with a retry, a suspended stage and
    a rerun.

    Args:
        keep: Keep the store as eventflow-demo.db in this folder, to try other commands on.
    """
    if session.json:
        raise CommandError("The demonstration is for people; leave out --json")
    from eventflow.cli.demo.acts import Stage  # noqa: PLC0415 - it loads rich
    from eventflow.cli.demo.workflow import orders  # noqa: PLC0415 - as above

    with _store(keep=keep) as url:
        own = Session.of(url, [orders])
        async with own.acting(create=True) as place:
            await Stage(place, live=sys.stdout.isatty()).play()
    if keep:
        say(f"\nThe store is {url}; try: eventflow run show latest --store {url}")
    else:
        say("\nThe store is gone; with --keep it stays, to try other commands on.")


@contextmanager
def _store(*, keep: bool) -> Generator[str]:
    if keep:
        yield "sqlite:///eventflow-demo.db"
        return
    with tempfile.TemporaryDirectory(prefix="eventflow-demo-") as folder:
        yield f"sqlite:///{Path(folder, 'demo.db').as_posix()}"
