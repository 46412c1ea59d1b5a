"""The file of the log: lines are appended under a lock, and read by anybody; none ever changes."""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from eventflow_jsonl.lines import Line, decode, encode


def open_log(directory: Path) -> "LogFile":
    """Open the log of a directory, which is made if it is not there."""
    directory.mkdir(parents=True, exist_ok=True)
    return LogFile(directory)


class LogFile:
    """One handle on the log of a directory.

    A process that dies while it writes leaves a line without an end: nobody reads it, and whoever
    writes next cuts it off.
    """

    def __init__(self, directory: Path) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        self._lock = os.open(directory / "lock", flags, 0o666)
        self._log = os.open(directory / "log.jsonl", flags, 0o666)
        self._read = 0

    def close(self) -> None:
        """Close both files."""
        os.close(self._log)
        os.close(self._lock)

    @property
    def size(self) -> int:
        """How many bytes the log has."""
        return os.fstat(self._log).st_size

    def rewind(self) -> None:
        """Read from the first line on again."""
        self._read = 0

    def read(self) -> list[Line]:
        """Read the lines that are new."""
        size = self.size
        new = os.pread(self._log, size - self._read, self._read) if size > self._read else b""
        whole = new[: new.rfind(b"\n") + 1]
        self._read += len(whole)
        return [decode(line) for line in whole.split(b"\n") if line]

    @contextmanager
    def locked(self) -> Generator[None]:
        """Keep all others from writing."""
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def write(self, line: Line) -> None:
        """Append a line; all lines were read under the same lock. It is durable on return."""
        data = encode(line)
        os.ftruncate(self._log, self._read)
        if os.pwrite(self._log, data, self._read) != len(data):
            raise OSError("the disk is full")
        os.fsync(self._log)
        self._read += len(data)
