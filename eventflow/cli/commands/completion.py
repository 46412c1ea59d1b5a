"""`eventflow completion`: lets the shell complete commands, options, runs, workflows, stages."""

from enum import StrEnum

from cyclopts.completion.detect import ShellDetectionError, detect_shell

from eventflow.cli.arguments import Flag
from eventflow.cli.asking import Yes, confirm
from eventflow.cli.exits import CommandError
from eventflow.cli.output import print_json, say, write_data
from eventflow.cli.session import SessionArgument
from eventflow.cli.tree import NAME, build


class Shell(StrEnum):
    """The shells that there is a script for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"
    POWERSHELL = "powershell"


def completion(
    shell: Shell | None = None,
    /,
    *,
    install: Flag = False,
    yes: Yes = False,
    session: SessionArgument,
) -> None:
    """Print the completion script of a shell, or install it for this user.

    Args:
        shell: The shell; the one that this runs in, if not given.
        install: Write the script to where the shell looks for it, and load it when it starts.
    """
    chosen = shell or _running_shell()
    app = build()
    if not install:
        script = app.generate_completion(prog_name=NAME, shell=chosen.value)
        if session.json:
            print_json({"shell": chosen, "script": script})
        else:
            write_data(script.encode())
        return
    preview = f"Install the completion of {NAME} for {chosen}, and load it when {chosen} starts."
    confirm([preview], yes=yes)
    path = app.install_completion(shell=chosen.value)
    if session.json:
        print_json({"shell": chosen, "path": str(path)})
    else:
        say(f"Installed {path}; it works in every {chosen} that is started from now on.")


def _running_shell() -> Shell:
    try:
        return Shell(detect_shell())
    except (ShellDetectionError, ValueError):
        there = ", ".join(Shell)
        raise CommandError(f"Which shell this is cannot be told; name it: {there}") from None
