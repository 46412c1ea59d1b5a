"""Where a file goes: it appears whole or not at all, and never over one that is there."""

import errno
import gzip
import os
import secrets
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Protocol, TypeAlias, runtime_checkable


@runtime_checkable
class Sink(Protocol):
    """Whatever takes bytes, such as a pipe."""

    def write(self, data: bytes, /) -> object:
        """Take some bytes."""
        ...


Destination: TypeAlias = str | os.PathLike[str] | Sink
"""A path, an open binary file, or `-` for the standard output."""

STANDARD = "-"
GZIP = ".gz"


class Output:
    """Where a file goes. A path gets nothing before `keep`, and then all of it.

    What is at the path and is no file, such as a device or a named pipe, is never replaced: it is
    written to at once.

    Args:
        destination: A path, an open binary file, or `-`; a path that ends in `.gz` is compressed.
        overwrite: Whether a file that is there is replaced.

    Raises:
        FileExistsError: The path is taken.
        OSError: The file cannot be made there.
    """

    def __init__(self, destination: Destination, *, overwrite: bool = False) -> None:
        self._overwrite = overwrite
        self._path: Path | None = None
        self._device: IO[bytes] | None = None
        if isinstance(destination, Sink):
            self._file: Any = destination
        elif destination == STANDARD:
            self._file = sys.stdout.buffer
        elif takes_bytes(Path(destination)):
            self._file = self._device = Path(destination).open("wb")  # noqa: SIM115 - until it is discarded
        else:
            self._path = Path(destination).resolve()  # a link stays, and what it names is replaced
            self._refuse_taken()
            self._partial = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}.part")
            self._opened = self._begin()
            self._file = self._opened
            if self._path.suffix == GZIP:
                # No name and no time: the same content gives the same bytes.
                self._file = gzip.GzipFile("", "wb", fileobj=self._opened, mtime=0)

    def write(self, data: bytes) -> None:
        """Take some bytes."""
        self._file.write(data)

    def keep(self) -> None:
        """Make what was written durable, under its name."""
        if self._path is None:
            if hasattr(self._file, "flush"):
                self._file.flush()
            return
        if self._file is not self._opened:
            self._file.close()
        self._opened.flush()
        os.fsync(self._opened.fileno())
        self._opened.close()
        self._name(self._path)

    def discard(self) -> None:
        """Leave nothing behind; what was kept stays."""
        if self._device is not None:
            with suppress(OSError):  # what it did not take was told by `write` or `keep`
                self._device.close()
        if self._path is not None:
            self._opened.close()
            self._partial.unlink(missing_ok=True)

    def _begin(self) -> IO[bytes]:
        """Make the file under the name that it has until it is whole; errors name the path."""
        try:
            return self._partial.open("xb")
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self._path)) from None

    def _name(self, path: Path) -> None:
        if not self._overwrite:
            try:
                os.link(self._partial, path)  # unlike a rename, it never replaces a file
            except FileExistsError:
                self._refuse_taken()
                raise
            except OSError:  # this file system has no links
                self._refuse_taken()
            else:
                return
        self._partial.replace(path)

    def _refuse_taken(self) -> None:
        if self._path is None or not self._path.exists():
            return
        if self._path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(self._path))
        if not self._overwrite:
            raise FileExistsError(
                f"{self._path} exists and was left as it is; "
                "choose another name, or say overwrite=True"
            )


def takes_bytes(path: Path) -> bool:
    """Tell whether there is something that takes bytes and is no file: a device, a pipe."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
