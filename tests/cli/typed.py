"""Types command lines as a person would: in a pipe, or in a pseudo-terminal of some width."""

import contextlib
import fcntl
import gc
import io
import logging
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec
import structlog
from attrs import field, frozen

from eventflow.cli.main import main

COMMAND = (sys.executable, "-m", "eventflow")
PATIENCE = 60.0
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07")
_OWN = ("EVENTFLOW_APP", "EVENTFLOW_STORE_URL", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES")


@frozen
class Answer:
    """What a command line came to."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:  # noqa: ANN401 - whatever the JSON says
        """What it printed for programs."""
        return msgspec.json.decode(self.out)


@frozen
class Shell:
    """A folder and an environment in which command lines are typed."""

    folder: Path
    environment: Mapping[str, str] = field(factory=dict)

    def variables(self, **more: str) -> dict[str, str]:
        """Give the environment of a process: nothing of eventflow but what was set here."""
        inherited = {name: value for name, value in os.environ.items() if name not in _OWN}
        return {**inherited, "TERM": "xterm-256color", **self.environment, **more}

    def __call__(self, *arguments: str, stdin: str = "", **more: str) -> Answer:
        """Run a command line without a terminal, in this process, as if it were one of its own."""
        with own_process(self.folder, self.variables(**more), stdin.encode()) as streams:
            code = main(list(arguments))
        return Answer(code, streams.out.getvalue().decode(), streams.err.getvalue().decode())

    def process(self, *arguments: str, stdin: str = "", **more: str) -> Answer:
        """Run a command line without a terminal, in a process of its own."""
        done = subprocess.run(
            [*COMMAND, *arguments],
            cwd=self.folder,
            env=self.variables(**more),
            input=stdin.encode(),
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
        return Answer(done.returncode, done.stdout.decode(), done.stderr.decode())

    def start(self, *arguments: str, **more: str) -> "subprocess.Popen[bytes]":
        """Begin a command line in pipes, and give the process."""
        return subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=self.folder,
            env=self.variables(**more),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def terminal(
        self, *arguments: str, width: int = 80, height: int = 40, **more: str
    ) -> "Terminal":
        """Begin a command line in a window of its own."""
        return Terminal(self, [*COMMAND, *arguments], width, height, more)

    def window(self, *program: str, **more: str) -> "Terminal":
        """Begin another program in a window of its own."""
        return Terminal(self, program, 120, 40, more)


@frozen
class Streams:
    """What a command has written."""

    out: io.BytesIO = field(factory=io.BytesIO)
    err: io.BytesIO = field(factory=io.BytesIO)


@contextmanager
def own_process(
    folder: Path, environment: Mapping[str, str], stdin: bytes
) -> Generator[Streams, None, None]:
    """Give a block what a process has for itself, and take all of it back afterwards."""
    streams = Streams()
    encoding = environment.get("PYTHONIOENCODING", "utf-8")
    out, err = io.TextIOWrapper(streams.out, encoding), io.TextIOWrapper(streams.err, encoding)
    modules, path = set(sys.modules), list(sys.path)
    handlers, level = list(logging.root.handlers), logging.root.level
    logs = structlog.get_config() if structlog.is_configured() else None
    thresholds, interval = gc.get_threshold(), sys.getswitchinterval()
    with (
        mock.patch.dict(os.environ, environment, clear=True),
        mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin))),
        mock.patch.object(sys, "stdout", out),
        mock.patch.object(sys, "stderr", err),
        contextlib.chdir(folder),
    ):
        try:
            yield streams
        finally:
            for stream in (out, err):
                stream.flush()
                stream.detach()
            structlog.reset_defaults()
            if logs is not None:
                structlog.configure(**logs)
            sys.setswitchinterval(interval)
            gc.set_threshold(*thresholds)
            gc.unfreeze()
            logging.root.handlers[:] = handlers
            logging.root.setLevel(level)
            sys.path[:] = path
            for name in set(sys.modules) - modules:
                if getattr(sys.modules[name], "__file__", "").startswith(str(folder)):
                    del sys.modules[name]


class Terminal:
    """A pseudo-terminal with one process in it."""

    def __init__(
        self,
        shell: Shell,
        command: Sequence[str],
        width: int,
        height: int,
        more: Mapping[str, str],
    ) -> None:
        self.screen = ""
        self._inner, outer = pty.openpty()
        fcntl.ioctl(outer, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self.process = subprocess.Popen(
            command,
            cwd=shell.folder,
            env=shell.variables(**more),
            stdin=outer,
            stdout=outer,
            stderr=outer,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - no threads
        )
        os.close(outer)

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._inner, text.encode())

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.type("\x03")

    def wait_for(self, text: str) -> None:
        """Look at the screen until a text has been on it."""
        self.wait_for_match(re.escape(text))

    def wait_for_match(self, pattern: str) -> None:
        """Look at the screen until something that matches a regular expression has been on it."""
        until = time.monotonic() + PATIENCE
        while not re.search(pattern, self.plain):
            if not self._read(until):
                self.process.kill()
                self.process.wait(PATIENCE)
                raise AssertionError(f"{pattern!r} never came; this did:\n{self.plain}")

    def end(self) -> Answer:
        """Wait until the process ends; give what was on the screen, without colours."""
        until = time.monotonic() + PATIENCE
        while self._read(until):
            pass
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise
        finally:
            os.close(self._inner)
        return Answer(code, self.plain, "")

    @property
    def plain(self) -> str:
        """What was on the screen, without colours and movements."""
        return ESCAPE.sub("", self.screen).replace("\r\n", "\n")

    @property
    def lines(self) -> list[str]:
        """The lines of the screen."""
        return self.plain.splitlines()

    def _read(self, until: float) -> bool:
        ready, _, _ = select.select([self._inner], [], [], max(until - time.monotonic(), 0))
        if not ready:
            return False
        try:
            data = os.read(self._inner, 65536)
        except OSError:  # the process has closed its side
            return False
        self.screen += data.decode(errors="replace")
        return bool(data)
