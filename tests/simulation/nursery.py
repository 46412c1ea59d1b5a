"""Starts the processes of a crash test in milliseconds, by forking one that has imported all.

It ends when its standard input does, and takes all its children with it, also stopped ones: none
outlives the test, however that ends. It speaks one line of JSON for each line that it hears.
"""

import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from typing import Any

from tests.simulation.program import Part, play


class Nursery:
    """The children that were born and not yet seen to end."""

    def __init__(self) -> None:
        self._alive: set[int] = set()

    def obey(self, order: Sequence[Any]) -> int | None:
        """Do what a line says, and give the answer."""
        match order:
            case ["start", dict() as part]:
                return self.start(Part(**part))
            case ["signal", int() as pid, int() as number]:
                self.signal(pid, number)
                return None
            case ["ended", int() as pid]:
                return self.ended(pid)
            case _:
                raise ValueError(f"no such order: {order}")

    def start(self, part: Part) -> int:
        """Fork a child that plays a part; give its process id."""
        pid = os.fork()
        if pid == 0:
            _live(part)
        self._alive.add(pid)
        return pid

    def signal(self, pid: int, number: int) -> None:
        """Send a signal to a child; nobody else can have its id before it was seen to end."""
        if pid in self._alive:
            os.kill(pid, number)

    def ended(self, pid: int) -> int | None:
        """Give a child's exit code, negative for a signal; None while it lives."""
        if pid not in self._alive:
            return None
        found, status = os.waitpid(pid, os.WNOHANG)
        if not found:
            return None
        self._alive.discard(pid)
        return os.waitstatus_to_exitcode(status)

    def end_all(self) -> None:
        """Kill whoever is left, and wait for it."""
        for pid in self._alive:
            os.kill(pid, signal.SIGKILL)
        for pid in self._alive:
            os.waitpid(pid, 0)


def _live(part: Part) -> None:
    """Be a child: never return."""
    parent = os.getppid()
    signal.signal(signal.SIGTERM, _stop_before_it_began)
    os.dup2(2, 1)  # what is printed goes into the log, not into the answers
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)

    def follow_parent() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=follow_parent, daemon=True).start()
    code = 0
    try:
        play(part)
    except BaseException:  # noqa: BLE001 - it is a process of its own
        traceback.print_exc()
        code = 1
    sys.stderr.flush()
    os._exit(code)


def _stop_before_it_began(*_: object) -> None:
    """Stop in peace, as a worker would that was told to stop a moment later."""
    os._exit(0)


def main() -> None:
    """Answer each line of standard input until it ends."""
    nursery = Nursery()
    try:
        for line in sys.stdin:
            print(json.dumps(nursery.obey(json.loads(line))), flush=True)
    finally:
        nursery.end_all()


if __name__ == "__main__":
    main()
