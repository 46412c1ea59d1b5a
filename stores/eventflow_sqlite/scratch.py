"""Empty databases for a while, on the same disk as another, in a folder that goes away."""

import tempfile
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from urllib.parse import quote

from eventflow.errors import StoreUnavailable
from eventflow_sqlite.address import parse_address


@asynccontextmanager
async def scratch(url: str) -> AsyncGenerator[Callable[[], str]]:
    """Give the URLs of empty databases beside the one of a URL, and remove them at the end.

    Raises:
        ValueError: The URL is not that of a database file.
        StoreUnavailable: No folder can be made there.
    """
    folder, parameters = _folder_beside(url)
    numbers = count(1)
    with folder as path:
        yield lambda: f"sqlite:///{quote(path)}/{next(numbers)}.db{parameters}"


def _folder_beside(url: str) -> tuple[tempfile.TemporaryDirectory[str], str]:
    """Make a folder, and give it with the parameters of the URL."""
    place = Path(parse_address(url).path).absolute().parent
    _, mark, parameters = url.partition("?")
    try:
        folder = tempfile.TemporaryDirectory(prefix=".eventflow-scratch-", dir=place)
    except OSError as error:
        raise StoreUnavailable(f"No folder can be made in {place}: {error.strerror}") from error
    return folder, mark + parameters
