"""Histories out of files of `run.export`; what does not fit its hash chain is never given."""

from collections.abc import Generator
from contextlib import closing
from itertools import islice

from eventflow.engine.histories import read_histories
from eventflow.engine.source import Source
from eventflow.testing.history import History


def load(source: Source) -> History:
    """Read the history of the one run in a file, which is verified to its last byte.

    Args:
        source: The path of a file that `run.export` wrote, or an open binary file.

    Raises:
        HistoryAltered: Naming the first event that does not fit.
        InvalidHistoryFile: The file is no history file, or not whole.
        SchemaTooNew: A newer release wrote it.
        OSError: It cannot be read.
        ValueError: It holds no run, or more than one.
    """
    with closing(load_all(source)) as histories:
        match list(islice(histories, 2)):
            case [history]:
                return history
            case []:
                raise ValueError(f"{source} holds no run")
            case _:
                raise ValueError(
                    f"{source} holds more than one run; load_all gives them one after the other"
                )


def load_all(source: Source) -> Generator[History]:
    """Give the histories in a file one after the other; one at a time is in memory.

    Only after the last one is it known that the file is whole.

    Raises:
        HistoryAltered: Naming the first event that does not fit.
        InvalidHistoryFile: The file is no history file, or not whole.
        SchemaTooNew: A newer release wrote it.
        OSError: It cannot be read.
    """
    for each in read_histories(source):
        yield History(each.envelopes(), each.blobs)
