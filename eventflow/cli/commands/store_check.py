"""`eventflow store check`: is the store there, current, on time, and is its work done?"""

from eventflow.cli.checking import of_store
from eventflow.cli.commands.doctor import report
from eventflow.cli.session import SessionArgument


async def check(*, session: SessionArgument) -> int:
    """Look whether a store is well: there, current and on time, and its jobs taken.

    Nothing is changed, and no history is read: for that there is `eventflow store verify`. It ends
    with code 1 if something is not well.
    """
    return await report(of_store(session), json=session.json)
