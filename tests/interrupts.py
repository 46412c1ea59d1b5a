"""Sends Ctrl-C at a chosen instruction, as nobody at a keyboard can."""

import dis
import signal
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import cache
from types import CodeType, FrameType
from typing import Any

_HEARD_AFTER = ("CALL", "RESUME", "JUMP_BACKWARD")
"""Behind instructions whose names begin like this CPython looks whether a signal has come."""


class Strike:
    """Something that happens once, where a signal could be heard for the n-th time.

    Args:
        at: At which of these places; 0 is none of them.
        where: In which files or functions, by a part of `path:function`.
        act: What happens; Ctrl-C if not given.

    Attributes:
        places: How many such places were passed.
        struck: Where it happened, as `path:line`.
    """

    def __init__(
        self, at: int, where: tuple[str, ...], act: Callable[[], object] | None = None
    ) -> None:
        self.places = 0
        self.struck: str | None = None
        self._at = at
        self._where = where
        self._act = act or (lambda: signal.raise_signal(signal.SIGINT))
        self._last: dict[FrameType, str] = {}

    @contextmanager
    def watching(self) -> Generator[None]:
        """Pass places while this block is executed by this thread."""
        before = sys.gettrace()
        sys._getframe().f_trace_opcodes = True  # without it, 3.12 traces no instructions at first
        sys.settrace(self._enter)
        try:
            yield
        finally:
            sys.settrace(before)

    def _enter(self, frame: FrameType, event: str, _: object) -> Any:  # noqa: ANN401 - as `sys.settrace` has it
        del event
        code = frame.f_code
        name = f"{code.co_filename}:{code.co_name}"
        if not any(each in name for each in self._where):
            return None
        frame.f_trace = self._follow  # without it, Python 3.13 traces no instructions
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        return self._follow

    def _follow(self, frame: FrameType, event: str, _: object) -> Any:  # noqa: ANN401 - as above
        if event == "return":
            self._last.pop(frame, None)
        elif event == "opcode":
            before = self._last.get(frame, "RESUME")
            self._last[frame] = _instructions(frame.f_code).get(frame.f_lasti, "")
            if before.startswith(_HEARD_AFTER):
                self.places += 1
                if self.places == self._at:
                    self.struck = f"{frame.f_code.co_filename}:{frame.f_lineno}"
                    self._act()
        return self._follow


@cache
def _instructions(code: CodeType) -> dict[int, str]:
    return {each.offset: each.opname for each in dis.get_instructions(code)}
