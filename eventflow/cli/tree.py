"""The tree of commands, by import strings, so that a command loads what it needs and no more."""

import asyncio
import inspect
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from types import MappingProxyType
from typing import Annotated

from attrs import frozen
from cyclopts import App, Group, Parameter

from eventflow.cli.exits import Exit
from eventflow.cli.naming import APP_VARIABLE, DEFAULT_STORE, STORE_VARIABLE
from eventflow.cli.session import Session

NAME = "eventflow"
_COMMANDS = "eventflow.cli.commands"


@frozen
class Leaf:
    """A command: the function that it is, and the line that lists it."""

    function: str
    help: str


Branch = Mapping[str, Leaf]

RUN: Branch = MappingProxyType(
    {
        "list": Leaf("run_list:list_runs", "List runs, newest first."),
        "show": Leaf("run_show:show_run", "Show a run: its stages, its timeline, how it ended."),
        "history": Leaf("run_history:show_history", "Print the events of a run."),
        "state": Leaf("run_state:show_state", "Tell what a run is, or was as of a version."),
        "tail": Leaf("run_tail:tail", "Follow the events of a run, or of all runs, live."),
        "create": Leaf("run_create:create_run", "Create a run of a workflow."),
        "cancel": Leaf("run_cancel:cancel_run", "End a run now."),
        "rerun": Leaf("run_rerun:rerun", "Run a stage and all that follow it again."),
        "fork": Leaf("run_fork:fork", "Go on from a stage in a new run."),
        "signal": Leaf("run_signal:signal_run", "Tell a run what a stage waits for."),
        "annotate": Leaf("run_annotate:annotate_run", "Attach a fact to a run."),
        "artifacts": Leaf(
            "run_artifacts:artifacts", "List what the stages of a run have saved, or fetch one."
        ),
        "diff": Leaf("run_diff:diff", "Tell where two versions of a run differ, or two runs."),
        "verify": Leaf("run_verify:verify_run", "Prove that a run is what was recorded."),
        "export": Leaf("run_export:export_runs", "Write runs to a history file."),
        "import": Leaf("run_import:import_runs", "Append the runs of a history file."),
    }
)
STORE: Branch = MappingProxyType(
    {
        "init": Leaf("store_init:init", "Make a new, empty store."),
        "migrate": Leaf("store_migrate:migrate", "Bring a store to the version of this release."),
        "check": Leaf("store_check:check", "Look whether a store is well."),
        "stats": Leaf("store_stats:stats", "Count what a store holds."),
        "verify": Leaf("store_verify:verify", "Prove that all of a store is what was recorded."),
        "checkpoint": Leaf(
            "store_checkpoint:checkpoint",
            "Prove the whole log of a store, and sign how long it is.",
        ),
        "rebuild": Leaf("store_rebuild:rebuild", "Compute the rows of a store from its log again."),
        "copy": Leaf("store_copy:copy", "Copy all runs to another store."),
    }
)
WORKFLOW: Branch = MappingProxyType(
    {
        "list": Leaf("workflow_list:list_workflows", "List the workflows of the application."),
        "describe": Leaf("workflow_describe:describe", "Describe a workflow and its stages."),
        "schema": Leaf("workflow_schema:schema", "Print the JSON Schema of a workflow."),
    }
)
AI: Branch = MappingProxyType(
    {
        "costs": Leaf("ai_costs:costs", "Tell what calls of models cost."),
    }
)
BRANCHES: Mapping[str, tuple[str, Branch]] = MappingProxyType(
    {
        "run": ("Look at runs, create them, and act on them.", RUN),
        "store": ("Make stores, look after them, and move what they hold.", STORE),
        "ai": ("Look at the calls of models.", AI),
        "workflow": ("Look at the workflows of the application.", WORKFLOW),
    }
)
LEAVES: Branch = MappingProxyType(
    {
        "completion": Leaf(
            "completion:completion", "Print the completion script of a shell, or install it."
        ),
        "demo": Leaf("demo:demo", "See what eventflow does, in ten seconds."),
        "doctor": Leaf("doctor:doctor", "Look whether everything is well, and say what to do."),
        "worker": Leaf("worker:work", "Execute runs until SIGTERM or SIGINT."),
        "bench": Leaf("bench:bench", "Measure how fast a store is, beside its bare speed."),
    }
)

SHARED = Group("Options of every command", sort_key=99)

_APP_HELP = (
    f"The application, as module:attribute; else {APP_VARIABLE}, or app in [tool.eventflow] of "
    "the nearest pyproject.toml."
)
_STORE_HELP = (
    f"The URL of the store; else {STORE_VARIABLE}, or store in [tool.eventflow] of the nearest "
    f"pyproject.toml, or {DEFAULT_STORE}."
)
_JSON_HELP = "Print data for programs, alone on stdout."
_DEBUG_HELP = "Show the traceback of an error."


def _shared(name: str, help: str) -> Parameter:
    return Parameter(name=name, help=help, group=SHARED, show_default=False)


def build() -> App:
    """Put the tree together; nothing of a command is imported before it is asked for."""
    app = App(
        name=NAME,
        help="Look at runs of eventflow workflows, and operate them.",
        version=lambda: version("eventflow-engine"),
        default_parameter=Parameter(negative=()),
        help_format="plaintext",
        result_action="return_value",
        print_error=False,
        exit_on_error=False,
        suppress_keyboard_interrupt=False,
    )
    for name, (purpose, branch) in BRANCHES.items():
        child = App(name=name, help=purpose)
        app.command(child)
        _add(child, branch)
    _add(app, LEAVES)
    _share_options(app)
    return app


def _add(app: App, branch: Branch) -> None:
    for name, leaf in branch.items():
        app.command(f"{_COMMANDS}.{leaf.function}", name=name, help=leaf.help)


def launch(arguments: Sequence[str]) -> int:
    """Parse a command line, run its command, and give the exit code.

    Raises:
        CycloptsError: The command line is not one.
        Exception: Whatever the command raised.
    """
    app = build()
    _, found, _ = app.parse_commands(arguments)
    for each in found:
        explain(each)
    return Exit(app.meta(arguments) or Exit.OK)


def explain(app: App) -> None:
    """Let a command that was loaded say all of its docstring, and not only its line in the list."""
    function = app.default_command
    if function is not None and function.__module__.startswith(_COMMANDS):
        app.help = _folded(inspect.cleandoc(function.__doc__ or ""))


def _folded(text: str) -> str:
    """Put each paragraph on one line, which the window folds, up to the list of arguments."""
    said, arguments, listed = text.partition("\nArgs:\n")
    paragraphs = [" ".join(each.split()) for each in said.split("\n\n")]
    return "\n\n".join(paragraphs).rstrip() + (f"\n{arguments}{listed}" if listed else "")


def _share_options(app: App) -> None:
    """Give an app the options that all commands share, before or behind the command."""

    @app.meta.default
    def shared(
        *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
        app_named: Annotated[str | None, _shared("--app", _APP_HELP)] = None,
        store: Annotated[str | None, _shared("--store", _STORE_HELP)] = None,
        json: Annotated[bool, _shared("--json", _JSON_HELP)] = False,
        debug: Annotated[bool, _shared("--debug", _DEBUG_HELP)] = False,  # noqa: ARG001 - it is read where errors end
    ) -> int:
        return _run(app, tokens, Session(app=app_named, url=store, json=json))

    app.meta.suppress_keyboard_interrupt = False


def _run(app: App, tokens: Sequence[str], session: Session) -> int:
    command, bound, ignored = app.parse_args(tokens)
    handed = {"session": session} if "session" in ignored else {}
    result = command(*bound.args, **bound.kwargs, **handed)
    if inspect.iscoroutine(result):
        result = asyncio.run(result)
    return Exit.OK if result is None else Exit(result)
