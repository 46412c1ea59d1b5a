"""`eventflow doctor`: is everything well, and what is to be done?"""

from collections.abc import AsyncIterator

from eventflow.cli.checking import Finding, Verdict, of_application, of_both, of_process, of_store
from eventflow.cli.exits import Exit
from eventflow.cli.output import print_json
from eventflow.cli.session import Session, SessionArgument


async def doctor(*, session: SessionArgument) -> int:
    """Look whether everything is well, and say what to do.

    It looks at this installation, the application and the store, and changes nothing.

    It ends with code 1 if something is not well.
    """
    return await report(_all(session), json=session.json)


async def _all(session: Session) -> AsyncIterator[Finding]:
    for finding in of_process():
        yield finding
    for finding in of_application(session):
        yield finding
    async for finding in of_store(session):
        yield finding
    async for finding in of_both(session):
        yield finding


async def report(findings: AsyncIterator[Finding], *, json: bool) -> int:
    """Print findings as they come; give the exit code."""
    found = []
    async for finding in findings:
        found.append(finding)
        if not json:
            from eventflow.cli.draw.findings import draw_finding  # noqa: PLC0415 - it loads rich

            draw_finding(finding)
    well = all(finding.verdict is not Verdict.PROBLEM for finding in found)
    if json:
        print_json({"well": well, "findings": found})
    return Exit.OK if well else Exit.FAILED
