"""Looks whether a store and an application are well; it changes nothing, and says what to do."""

import importlib.metadata
import platform
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from enum import StrEnum

from attrs import frozen

from eventflow.cli.exits import CommandError
from eventflow.cli.naming import Named
from eventflow.cli.session import Place, Session
from eventflow.cli.wording import count, duration, told_details
from eventflow.cli.workflows import workflows_of
from eventflow.errors import EventflowError
from eventflow.runtime.clock import SystemClock
from eventflow.store.inspection import Inspection, inspect_store
from eventflow.store.registry import redact

EXTRAS = {"cli": "cyclopts", "ai": "pydantic-ai-slim", "crypto": "cryptography"}

_OVERDUE = timedelta(minutes=1)
_SKEW = 2.0
_MOST = 100


class Verdict(StrEnum):
    """How well something is."""

    OK = "ok"
    ABSENT = "absent"
    WARNING = "warning"
    PROBLEM = "problem"


@frozen
class Finding:
    """One thing that was looked at: what, how well it is, what was found, and what to do."""

    what: str
    verdict: Verdict
    told: str
    advice: str | None = None


def ok(what: str, told: str) -> Finding:
    """Say that something is well."""
    return Finding(what, Verdict.OK, told)


def of_process() -> Iterator[Finding]:
    """Look at this process: releases, extras, and what its streams can show."""
    yield ok("python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    yield ok("eventflow", importlib.metadata.version("eventflow-engine"))
    for extra, package in EXTRAS.items():
        try:
            yield ok(f"extra [{extra}]", f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            install = f"pip install 'eventflow-engine[{extra}]'"
            told = f"not installed; if it is needed: {install}"
            yield Finding(f"extra [{extra}]", Verdict.ABSENT, told)
    terminal = "a terminal" if sys.stdout.isatty() else "no terminal"
    yield ok("stdout", f"{terminal}, {sys.stdout.encoding}")


def of_application(session: Session) -> Iterator[Finding]:
    """Look whether the application can be loaded."""
    if not session.app_named:
        yield ok("application", "none is named; commands that only look need none")
        return
    try:
        ids = ", ".join(sorted(workflows_of(session)))
    except CommandError as error:
        yield Finding("application", Verdict.PROBLEM, str(error))
        return
    yield ok("application", f"workflows: {ids or 'found when they are asked for'}")


async def of_store(session: Session) -> AsyncIterator[Finding]:
    """Look at the store: whether it is there, current, on time, and whether work is done."""
    try:
        named = session.store()
        found = await inspect_store(named.value) if isinstance(named, Named) else None
        if isinstance(named, Named) and found is not None and found.exists:
            for finding in _of_place(named, found):
                yield finding
        async with session.looking() as place:
            yield await _of_time(place)
            async for finding in _of_jobs(place):
                yield finding
    except (CommandError, EventflowError) as error:
        yield Finding("store", Verdict.PROBLEM, str(error))


def _of_place(named: Named, found: Inspection) -> Iterator[Finding]:
    """Say what is there; a version that this release does not know is refused when it is opened."""
    if found.version <= found.newest:
        where = f"{redact(named.value)} ({named.source})"
        version = f"schema version {found.version} of {found.newest}"
        yield ok("store", f"{where}, {version}, {told_details(found)}")
    for fault in found.faults:
        verdict = Verdict.PROBLEM if fault.grave else Verdict.WARNING
        yield Finding(fault.what, verdict, fault.told, fault.advice)


async def _of_time(place: Place) -> Finding:
    store_time = await place.store.now()
    skew = (SystemClock().now() - store_time).total_seconds()
    told = f"this host is {duration(abs(skew))} {'ahead of' if skew > 0 else 'behind'} the store"
    if abs(skew) < _SKEW:
        return ok("time", told)
    return Finding(
        "time", Verdict.WARNING, told, "eventflow goes by the store's time; only logs differ"
    )


async def _of_jobs(place: Place) -> AsyncIterator[Finding]:
    overdue = await place.store.due(place.now() - _OVERDUE, None, _MOST)
    lost = [job for job in overdue if job.leased]
    many = f"{count(len(overdue), 'job')}{' or more' if len(overdue) == _MOST else ''}"
    if not overdue:
        yield ok("jobs", "none has been due for more than a minute")
        return
    yield Finding(
        "jobs",
        Verdict.WARNING,
        f"{many} due for more than a minute, {len(lost)} of them with a lease that has expired",
        "no worker takes them: start one with: eventflow worker",
    )


async def of_both(session: Session) -> AsyncIterator[Finding]:
    """Look whether the application has what the runs of the store wait for."""
    if not session.app_named:
        return
    try:
        async with session.acting(app=True) as place:
            found = await place.runtime.unclaimable_runs()
    except (CommandError, EventflowError):
        return  # both were looked at already
    if not found:
        yield ok("runs", "the application has every stage that is due")
        return
    stages = sorted({f"{each.workflow_id}/{each.stage}" for each in found})
    yield Finding(
        "runs",
        Verdict.WARNING,
        f"{count(len(found), 'job')} that the application cannot execute: {', '.join(stages)}",
        "deploy a worker that has these stages, or cancel the runs",
    )
