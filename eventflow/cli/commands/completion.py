"""`eventflow completion`: lets the shell complete commands, options, runs, workflows, stages."""

import os
import shlex
from enum import StrEnum
from pathlib import Path

from cyclopts import App
from cyclopts.completion.detect import ShellDetectionError, detect_shell

from eventflow.cli.arguments import Flag
from eventflow.cli.asking import Yes, confirm
from eventflow.cli.exits import CommandError
from eventflow.cli.output import print_json, say, write_data
from eventflow.cli.session import SessionArgument
from eventflow.cli.tree import NAME, build

_AT_ONCE_IN_ZSH = f"""\
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _cyclopts_{NAME} "$@"
else
  compdef _cyclopts_{NAME} {NAME}
fi
"""
"""Lets the script work from a folder in `fpath`, as well as when it is sourced."""

_LOAD_IN_ZSH = """\
# Completion of {name}
(( $+functions[compdef] )) || {{ autoload -Uz compinit && compinit -i }}
[[ -r {path} ]] && source {path}
"""


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
        script = script_of(app, chosen)
        if session.json:
            print_json({"shell": chosen, "script": script})
        else:
            write_data(script.encode())
        return
    preview = f"Install the completion of {NAME} for {chosen}, and load it when {chosen} starts."
    confirm([preview], yes=yes)
    path = installed(app, chosen)
    if session.json:
        print_json({"shell": chosen, "path": str(path)})
    else:
        say(f"Installed {path}; it works in every {chosen} that is started from now on.")


def script_of(app: App, shell: Shell) -> str:
    """Write the completion script of a shell."""
    script: str = app.generate_completion(prog_name=NAME, shell=shell.value)
    return f"{script}\n{_AT_ONCE_IN_ZSH}" if shell is Shell.ZSH else script


def installed(app: App, shell: Shell) -> Path:
    """Write the script to where the shell looks for it; give its path."""
    if shell == Shell.ZSH.value:
        return install_in_zsh(script_of(app, shell))
    path: Path = app.install_completion(shell=shell.value)
    return path


def install_in_zsh(script: str) -> Path:
    """Write the script to the user's folder, and let zsh load it when it starts.

    The library would only name the folder in `.zshrc`, which does nothing behind `compinit`, and
    nothing where nobody calls that.
    """
    path = Path.home() / ".zsh" / "completions" / f"_{NAME}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(script, encoding="utf-8")
    start = Path(os.environ.get("ZDOTDIR") or Path.home()) / ".zshrc"
    before = start.read_text(encoding="utf-8") if start.exists() else ""
    load = _LOAD_IN_ZSH.format(name=NAME, path=shlex.quote(str(path)))
    if load not in before:
        gap = "" if before.endswith("\n") or not before else "\n"
        start.write_text(f"{before}{gap}{load}", encoding="utf-8")
    return path


def _running_shell() -> Shell:
    try:
        return Shell(detect_shell())
    except (ShellDetectionError, ValueError):
        there = ", ".join(Shell)
        raise CommandError(f"Which shell this is cannot be told; name it: {there}") from None
