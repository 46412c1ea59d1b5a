"""What a rerun and a fork share: their options, and the preview of what is executed again."""

from typing import Annotated, TypeAlias

from attrs import frozen
from cyclopts import Parameter

from eventflow.cli import completing
from eventflow.cli.exits import CommandError, Exit
from eventflow.cli.finding import find_run, refuse_unknown_stage
from eventflow.cli.reading import read_json, read_mapping
from eventflow.cli.session import Place, Session
from eventflow.cli.wording import value
from eventflow.core.plan import Plan
from eventflow.core.state import RunState
from eventflow.runtime.requests import UNCHANGED
from eventflow.runtime.run import Run

_MOST = 300

From: TypeAlias = Annotated[
    str,
    Parameter(
        name=["--from", "-f"],
        help="The stage to go on from; its whole group runs.",
        completer=completing.stages,
    ),
]
NewInput: TypeAlias = Annotated[
    str | None,
    Parameter(
        alias="-i",
        allow_leading_hyphen=True,
        help="Another input from now on: JSON, @FILE, or - for stdin; needs the application.",
    ),
]
NewConfig: TypeAlias = Annotated[
    str | None,
    Parameter(
        alias="-c",
        allow_leading_hyphen=True,
        help="Another config from now on, by stage: JSON, @FILE or -; needs the application.",
    ),
]
Key: TypeAlias = Annotated[
    str | None,
    Parameter(help="An idempotency key: the same key and the same request are done once."),
]


@frozen
class Going:
    """From where a run is to go on, and with what."""

    run: Run
    state: RunState
    plan: Plan
    stage: str
    config: dict[str, object] | None
    input: object

    def preview(self) -> list[str]:
        """Say which stages are executed again, and which keep their outputs."""
        found = self.plan.find(self.stage)
        group = found[0] if found is not None else 1
        again = [stage.id for each in self.plan.groups[group - 1 :] for stage in each]
        kept = [stage.id for each in self.plan.groups[: group - 1] for stage in each]
        lines = [f"  executed again  {', '.join(again)}"]
        lines += [f"  kept            {', '.join(kept)}"] if kept else []
        if self.config is not None:
            lines.append(f"  new config      {value(self.config, _MOST)}")
        if self.input is not UNCHANGED:
            lines.append(f"  new input       {value(self.input, _MOST)}")
        if self.plan.fingerprint != self.state.plan.fingerprint:
            lines.append("  The workflow has changed since; the run takes its new plan.")
        return lines


async def going_on(
    session: Session, place: Place, run: str, *, stage: str, input: str | None, config: str | None
) -> Going:
    """Find the run and the stage to go on from.

    Raises:
        CommandError: There is none such, the run is alive, or the application is missing.
    """
    if (input is not None or config is not None) and not session.app_named:
        session.application()
    new_config = None if config is None else read_mapping(config, "--config")
    new_input = UNCHANGED if input is None else read_json(input, "--input")
    row = (await find_run(place.store, run)).run
    handle = place.runtime.run(row.run_id)
    state = await handle.state()
    known = place.runtime.workflows.get(row.workflow_id)
    plan = state.plan if known is None else known.plan
    refuse_unknown_stage(plan, stage)
    if not row.status.ended:
        raise CommandError(
            f"Run {row.run_id} is still {row.status}; cancel it first, or wait until it has ended",
            Exit.REFUSED,
        )
    return Going(handle, state, plan, stage, new_config, new_input)
