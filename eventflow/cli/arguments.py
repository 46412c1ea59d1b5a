"""The arguments that several commands take, each with its help and what the shell offers for it."""

from typing import Annotated, TypeAlias

from cyclopts import Parameter

from eventflow.cli import completing
from eventflow.core.values import Status

RUN_HELP = 'The run\'s id, the beginning of it, or "latest".'

Flag: TypeAlias = Annotated[bool, Parameter(negative=(), show_default=False)]
Whole: TypeAlias = Annotated[
    Flag, Parameter(help="With --json: put large values, which are kept apart, in their place.")
]
RunName: TypeAlias = Annotated[str, Parameter(help=RUN_HELP, completer=completing.runs)]
WorkflowName: TypeAlias = Annotated[
    str, Parameter(help="The workflow's id.", completer=completing.workflows)
]
Statuses: TypeAlias = Annotated[
    list[Status] | None,
    Parameter(
        name=["--status", "-s"],
        help="Only runs in this status; give it several times for several.",
        negative=(),
    ),
]
OfWorkflow: TypeAlias = Annotated[
    str | None,
    Parameter(
        name=["--workflow", "-w"],
        help="Only runs of this workflow.",
        completer=completing.workflows,
    ),
]
Metadata: TypeAlias = Annotated[
    list[str] | None,
    Parameter(
        name=["--metadata", "-m"],
        help="Only runs with this metadata, as key=value, where a value that is JSON is what the "
        "JSON says; give it several times for several.",
        negative=(),
    ),
]
Wait: TypeAlias = Annotated[
    Flag, Parameter(help="Wait for the output, which some worker has to make.")
]
Timeout: TypeAlias = Annotated[float | None, Parameter(help="Seconds to wait at most.")]
