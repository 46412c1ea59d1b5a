"""Golden histories: what a run did once, in a file that people read, and what it does now.

A file holds the normal form of a history, one event a line. It is written only when asked for.
"""

import json
import os
from collections.abc import Collection, Iterator, Sequence
from difflib import SequenceMatcher
from pathlib import Path

from eventflow.core.values import JSON
from eventflow.store.envelope import Envelope
from eventflow.testing.differences import differences, shown
from eventflow.testing.ignoring import ignoring
from eventflow.testing.normal import Line, normal

HOW_TO_RECORD = "pytest --eventflow-record"

_KEYS = ("event", "stage", "name", "key")
_WHERE = frozenset({"actor", "generation", "attempt", *_KEYS})


class GoldenMismatch(AssertionError):
    """A history is not the golden one, or there is no golden one to compare it with."""


def assert_golden(
    history: Sequence[Envelope],
    path: str | os.PathLike[str],
    *,
    record: bool = False,
    ignore: Collection[str] = (),
) -> bool:
    """Compare a history with the golden one in a file, without ids, times, versions and workers.

    Args:
        history: The events of a run, from its first on.
        path: The file.
        record: Write the file instead, unless it says the same already.
        ignore: Paths not to compare, such as `output.created` or `stage.logged.fields.*`.

    Returns:
        Whether the file was written.

    Raises:
        GoldenMismatch: With every difference, or because there is no such file.
    """
    __tracebackhide__ = True
    file, lines = Path(path), normal(history)
    problems = list(_problems(file, lines, ignore))
    if problems and record:
        _write(file, lines)
        return True
    if problems:
        raise GoldenMismatch("\n".join(problems))
    return False


def _problems(file: Path, lines: list[Line], ignore: Collection[str]) -> Iterator[str]:
    """Say how a history differs from the golden one; nothing if it does not."""
    if not file.exists():
        yield (
            f"there is no golden history {file}; write it with {HOW_TO_RECORD}, look at it, and "
            "keep it with the test"
        )
        return
    found = list(_changes(_read(file), lines, ignore))
    if found:
        yield f"the history is not the golden one in {file}:"
        yield from found
        yield f"if this is what it shall be, write it anew with {HOW_TO_RECORD}"


def _write(file: Path, lines: list[Line]) -> None:
    """Write a file in one piece: other processes may compare with it meanwhile."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    part.write_text("".join(_written(line) for line in lines), encoding="utf-8")
    part.replace(file)


def _written(line: Line) -> str:
    return json.dumps(line, ensure_ascii=False) + "\n"


def _read(file: Path) -> list[Line]:
    """Read a golden history.

    Raises:
        GoldenMismatch: The file is none.
    """
    try:
        lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    except ValueError as error:
        raise _no_golden(file, str(error)) from None
    if not all(isinstance(line, dict) for line in lines):
        raise _no_golden(file, "a line is no event")
    return lines


def _no_golden(file: Path, reason: str) -> GoldenMismatch:
    return GoldenMismatch(
        f"{file} is no golden history: {reason}; delete it, and write it with {HOW_TO_RECORD}"
    )


def _changes(old: list[Line], new: list[Line], ignore: Collection[str]) -> Iterator[str]:
    """Say which events are missing, which are new, and which say something else."""
    matcher = SequenceMatcher(None, [_key(line) for line in old], [_key(line) for line in new])
    ignored = ignoring(ignore)
    for kind, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        if kind == "equal":
            for before, after in zip(old[old_from:old_to], new[new_from:new_to], strict=True):
                found = [
                    each
                    for each in differences(before, after)
                    if not ignored(str(after["event"]), each.path)
                ]
                if found:
                    yield f"    {_title(after)}"
                    yield from (f"        {each}" for each in found)
            continue
        yield from (f"  - {_title(line)}: {shown(_rest(line))}" for line in old[old_from:old_to])
        yield from (f"  + {_title(line)}: {shown(_rest(line))}" for line in new[new_from:new_to])


def _key(line: Line) -> str:
    """Give what makes two events the same event, whatever else they say."""
    return json.dumps([line.get(key) for key in _KEYS])


def _title(line: Line) -> str:
    names = [str(line[key]) for key in _KEYS[1:] if line.get(key) is not None]
    return " ".join([str(line.get("event")), *names])


def _rest(line: Line) -> JSON:
    return {name: value for name, value in line.items() if name not in _WHERE}
