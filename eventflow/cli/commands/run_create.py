"""`eventflow run create`: a new run of a workflow of the application."""

from collections.abc import Mapping
from typing import Annotated, Any

from cyclopts import Parameter

from eventflow.cli.arguments import Timeout, Wait, WorkflowName
from eventflow.cli.asking import Actor, Yes, confirm, named_actor
from eventflow.cli.exits import CommandError
from eventflow.cli.output import print_json, say
from eventflow.cli.reading import read_json, read_mapping, read_pairs
from eventflow.cli.session import SessionArgument
from eventflow.cli.wording import pairs, value
from eventflow.cli.workflows import workflow_of
from eventflow.definition.schema import dump_json
from eventflow.runtime.requests import parsed_input
from eventflow.runtime.run import Run

_MOST = 300


async def create_run(
    workflow: WorkflowName,
    /,
    *,
    input: Annotated[str | None, Parameter(alias="-i", allow_leading_hyphen=True)] = None,
    config: Annotated[str | None, Parameter(alias="-c", allow_leading_hyphen=True)] = None,
    priority: int | None = None,
    metadata: Annotated[list[str] | None, Parameter(alias="-m", negative=())] = None,
    key: str | None = None,
    actor: Actor = None,
    wait: Wait = False,
    timeout: Timeout = None,
    yes: Yes = False,
    session: SessionArgument,
) -> None:
    """Create a run of a workflow; the application is needed to check it.

    Args:
        input: The input: JSON, @FILE, or - for stdin; null if not given.
        config: By stage, the fields that differ from the defaults: JSON, @FILE or -.
        priority: Higher is claimed earlier; the workflow's own, or 5, if not given.
        metadata: A value to find the run by, as key=value, where a value that is JSON is what the
            JSON says; give it several times for several.
        key: An idempotency key: the same key and the same request give the same run.
    """
    if timeout is not None and not wait:
        raise CommandError("--timeout says how long to --wait; add --wait")
    given = None if input is None else read_json(input, "--input")
    settings = None if config is None else read_mapping(config, "--config")
    labels = read_pairs(metadata or [], "--metadata")
    known = workflow_of(session, workflow)
    checked = known.validate_config(settings or {})
    async with session.acting(create=True, app=True) as place:
        preview = [
            f"Create a run of {known.id} in {place.shown}:",
            f"  input     {value(parsed_input(known, given), _MOST)}",
            *([f"  config    {value(checked, _MOST)}"] if checked else []),
            *([f"  metadata  {pairs(labels)}"] if labels else []),
        ]
        confirm(preview, yes=yes)
        run = await place.runtime.create_run(
            known.id,
            given,
            config=settings,
            priority=priority,
            metadata=labels,
            idempotency_key=key,
            actor=named_actor(actor),
        )
        announce(run, wait=wait)
        await told(run, wait=wait, timeout=timeout, json=session.json)


def announce(run: Run, *, wait: bool) -> None:
    """Say which run is new before it is waited for, since it may not end well."""
    if wait:
        say(f"Created run {run.id}.")


async def told(
    run: Run, *, wait: bool, timeout: float | None, json: bool, more: Mapping[str, Any] = {}
) -> None:
    """Print the id of a run that goes on from here, and its output if that is waited for."""
    if not wait:
        print_json({"run_id": run.id, **more}) if json else print(run.id)
        return
    output = dump_json(await run.result(timeout))
    if json:
        print_json({"run_id": run.id, **more, "output": output})
    else:
        print(value(output))
