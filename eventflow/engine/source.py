"""Where a file comes from: a path, an open file or a pipe, packed or not; it is only read."""

import gzip
import io
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import IO, Any, TypeAlias

Source: TypeAlias = str | os.PathLike[str] | IO[bytes]
"""A path, an open binary file, or `-` for the standard input; what is compressed is unpacked."""

STANDARD = "-"
_GZIP = b"\x1f\x8b"


@contextmanager
def opened(source: Source) -> Generator[tuple[str, IO[bytes]]]:
    """Open a source, unpacked, with the name that errors call it by."""
    if isinstance(source, str | os.PathLike) and source != STANDARD:
        with open(source, "rb") as file, _unpacked(file) as unpacked:  # noqa: PTH123 - also a str
            yield os.fspath(source), unpacked
        return
    given = sys.stdin.buffer if isinstance(source, str | os.PathLike) else source
    with _unpacked(given) as unpacked:
        name = getattr(given, "name", None)
        yield name if isinstance(name, str) else "the given file", unpacked


@contextmanager
def _unpacked(file: IO[bytes]) -> Generator[IO[bytes]]:
    raw: Any = file
    peeked: Any = file if isinstance(file, io.BufferedReader) else io.BufferedReader(raw)
    try:
        if peeked.peek(2)[:2] == _GZIP:
            with gzip.GzipFile(fileobj=peeked) as unpacked:
                lines: Any = unpacked
                yield lines
        else:
            yield peeked
    finally:
        if peeked is not file:
            peeked.detach()
