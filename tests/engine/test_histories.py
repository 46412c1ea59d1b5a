"""History files: what is written is read again, and nothing else is."""

import gzip
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from eventflow.engine.exporting import export_histories
from eventflow.engine.histories import VerifiedFile, read_histories, verify_file
from eventflow.engine.history_lines import event_of_line, line_of_event, read_line, write_line
from eventflow.engine.history_writer import HistoryWriter
from eventflow.errors import Alteration, HistoryAltered, InvalidHistoryFile, SchemaTooNew
from eventflow.store.chain import event_hash
from eventflow.store.contract import RunQuery, StoredEvent
from eventflow.store.memory import MemoryStore
from eventflow.testing.builders import Author


def some_runs() -> list[list[StoredEvent]]:
    """Two runs, of five and three events."""
    first, second = Author("run-a"), Author("run-b")
    written = [
        [first.create(), first.claim(), first.note("é")],
        [second.create(), second.note()],
    ]
    return [[event for operation in run for event in operation.events] for run in written]


def file_of(runs: list[list[StoredEvent]]) -> bytes:
    """Write a file of some runs."""
    written = io.BytesIO()
    writer = HistoryWriter(written.write)
    for events in runs:
        writer.add(events)
        writer.end_run()
    writer.end()
    return written.getvalue()


RUNS = some_runs()
FILE = file_of(RUNS)
LINES = FILE.splitlines(keepends=True)


def test_what_was_written_is_read() -> None:
    """Runs come back in their order, each event as it is stored, but for its position."""
    read = list(read_histories(io.BytesIO(FILE)))
    assert [list(history.events) for history in read] == RUNS
    assert [history.run_id for history in read] == ["run-a", "run-b"]
    assert read[0].envelopes()[0].type == "run.created"


def test_a_file_is_verified_from_itself() -> None:
    """The verdict counts what there is, and has the digest that the last line has."""
    verdict = verify_file(io.BytesIO(FILE))
    assert verdict == VerifiedFile(2, 8, 0, LINES[-1].split(b'"')[-2].decode())


def test_people_can_read_it() -> None:
    """The data of an event stands in its line as the JSON that it is."""
    note = RUNS[0][-1]
    assert b'"data":' + note.data + b"}\n" in FILE
    assert "é".encode() in note.data


@given(data=st.binary(max_size=60) | st.text(max_size=20).map(str.encode))
def test_any_data_comes_back_to_the_byte(data: bytes) -> None:
    """What is no JSON in one line is written in base64."""
    event = evolve(RUNS[0][0], data=data)
    assert event_of_line(read_line(write_line(line_of_event(event)))) == event  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b' {"a":1}', b'{"a" : 1}', b'{"a":1,"a":2}', b"{\n}", b'{},"x":1', b'"\xff"'],
)
def test_odd_data_comes_back_to_the_byte(data: bytes) -> None:
    """Space, doubled keys and bytes that are no text stay what they are."""
    event = evolve(RUNS[0][0], data=data)
    line = write_line(line_of_event(event))
    assert line.count(b"\n") == 1
    assert event_of_line(read_line(line)) == event  # type: ignore[arg-type]


def test_every_changed_byte_is_found() -> None:
    """Whichever byte is changed, the file is refused."""
    for place in range(len(FILE)):
        wrong = bytearray(FILE)
        wrong[place] ^= (0x01, 0x20, 0x80)[place % 3]
        with pytest.raises((HistoryAltered, SchemaTooNew)):
            verify_file(io.BytesIO(bytes(wrong)))


def test_every_byte_that_is_taken_out_or_doubled_is_found() -> None:
    """Whichever byte it is, also one that leaves a line which can still be read."""
    small = file_of(RUNS[1:])
    for place in range(len(small)):
        for wrong in (small[:place] + small[place + 1 :], small[: place + 1] + small[place:]):
            with pytest.raises((HistoryAltered, SchemaTooNew)):
                verify_file(io.BytesIO(wrong))


def test_every_cut_is_found() -> None:
    """A file that was not written to its end is refused."""
    for length in range(0, len(FILE), 7):
        with pytest.raises(InvalidHistoryFile):
            verify_file(io.BytesIO(FILE[:length]))


Edit = Callable[[list[bytes]], object]


def moved(source: int, target: int) -> Edit:
    """Moves a line to another place."""
    return lambda lines: lines.insert(target, lines.pop(source))


@pytest.mark.parametrize(
    ("edit", "run_id", "version", "how"),
    [
        (lambda lines: lines.pop(1), "run-a", 1, Alteration.MISSING),
        (lambda lines: lines.pop(3), "run-a", 3, Alteration.MISSING),
        (lambda lines: lines.pop(5), "run-a", 5, Alteration.MISSING),
        (lambda lines: lines.insert(3, lines[2]), "run-a", 3, Alteration.INSERTED),
        (lambda lines: lines.insert(6, lines[5]), "run-a", 6, Alteration.INSERTED),
        (lambda lines: lines.insert(3, lines[8]), "run-a", 3, Alteration.INSERTED),
        (moved(2, 4), "run-a", 2, Alteration.REORDERED),
        (moved(3, 4), "run-a", 3, Alteration.REORDERED),
        (lambda lines: lines.pop(6), "run-a", 6, Alteration.INSERTED),
    ],
    ids=[
        *("first gone", "third gone", "last gone", "doubled", "last doubled", "foreign"),
        *("moved", "changed places", "end of the run gone"),
    ],
)
def test_the_first_event_that_does_not_fit_is_named(
    edit: Edit, run_id: str, version: int, how: Alteration
) -> None:
    """A line that is gone, doubled, foreign or elsewhere is told apart."""
    lines = list(LINES)
    edit(lines)
    with pytest.raises(HistoryAltered) as found:
        verify_file(io.BytesIO(b"".join(lines)))
    assert (found.value.run_id, found.value.version, found.value.how) == (run_id, version, how)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda lines: lines.pop(0), "line 1: .*begins with its manifest"),
        (lambda lines: lines.insert(7, lines[0]), "a second file begins here"),
        (lambda lines: lines.__setitem__(slice(1, 7), []), "2 runs, 8 events"),
        (lambda lines: lines.append(b"\n"), "behind the end"),
        (lambda lines: lines.append(lines[0]), "behind the end"),
        (lambda lines: lines.pop(10), "the end of run run-b is missing"),
        (lambda lines: lines.__setitem__(slice(1, 11), [*lines[7:11], *lines[1:7]]), "bytes"),
        (lambda lines: lines.clear(), "cut off"),
        (lambda lines: lines.__setitem__(2, b"x" + lines[2]), "line 3: it is no line"),
        (lambda lines: lines.__setitem__(0, b'{"a": 1}\n'), "line 1: .*that an export has written"),
        (lambda lines: lines.__setitem__(2, lines[2].replace(b":", b": ", 1)), "was changed"),
    ],
    ids=[
        *("no manifest", "second manifest", "run gone", "line behind", "file behind"),
        *("end of a run gone", "runs changed places", "empty", "broken", "another", "space"),
    ],
)
def test_a_file_that_is_not_whole_is_refused(edit: Edit, message: str) -> None:
    """What no run owns is checked as well, and the line is named."""
    lines = list(LINES)
    edit(lines)
    with pytest.raises(InvalidHistoryFile, match=message):
        verify_file(io.BytesIO(b"".join(lines)))


def test_a_newer_format_is_refused() -> None:
    """A file of a later release is told from one that is broken."""
    with pytest.raises(SchemaTooNew, match="has format 2"):
        verify_file(io.BytesIO(FILE.replace(b'"format":1', b'"format":2')))


def test_a_forged_event_is_betrayed_by_the_next_one() -> None:
    """Somebody who writes the hash and the whole file anew must do so to the last event."""
    (events, other) = some_runs()
    fields = {"run_id": "run-a", "version": 2, "type": "stage.scheduled", "schema": 1}
    fields |= {"recorded_at": events[1].recorded_at, "actor": "mallory", "op_id": "op"}
    data = events[1].data
    kinds: Any = fields
    forged = event_hash(events[0].hash, **kinds, data=data)
    events[1] = StoredEvent(**kinds, data=data, hash=forged)
    with pytest.raises(HistoryAltered) as found:
        verify_file(io.BytesIO(file_of([events, other])))
    assert found.value.version == 3


def names_in(folder: Path) -> list[str]:
    """The names of all files of a folder."""
    return [each.name for each in folder.iterdir()]


async def a_store() -> MemoryStore:
    """A store with two runs that have completed."""
    store = MemoryStore()
    for author in (Author("run-a"), Author("run-b")):
        await store.append([author.create(), author.claim(), author.complete()])
    return store


async def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    """While an export is under way, its name is free, and afterwards nothing else is there."""
    seen: list[list[str]] = []
    store = await a_store()
    path = tmp_path / "all.ndjson"
    report = await export_histories(
        store,
        RunQuery(),
        path,
        progress=lambda _: seen.append([each.suffix for each in tmp_path.iterdir()]),
    )
    assert (report.runs, report.events) == (2, 12)
    assert seen == [[".part"]]
    assert names_in(tmp_path) == [path.name]


async def test_a_failed_export_leaves_nothing(tmp_path: Path) -> None:
    """An altered run, or a progress that raises, leaves no file behind."""
    store = await a_store()
    store._runs["run-b"].events.pop(1)
    with pytest.raises(HistoryAltered):
        await export_histories(store, RunQuery(), tmp_path / "all.ndjson")
    assert names_in(tmp_path) == []


async def test_a_file_that_is_there_stays(tmp_path: Path) -> None:
    """A name is taken over only when that was asked for."""
    store = await a_store()
    path = tmp_path / "all.ndjson"
    path.write_text("mine")
    with pytest.raises(FileExistsError, match="choose another name, or say overwrite=True"):
        await export_histories(store, RunQuery(), path)
    assert path.read_text() == "mine"
    await export_histories(store, RunQuery(), path, overwrite=True)
    assert verify_file(path).runs == 2


async def test_a_name_that_is_taken_meanwhile_stays(tmp_path: Path) -> None:
    """Of two that write the same file, the second one is refused, and the first file is whole."""
    store = await a_store()
    path = tmp_path / "all.ndjson"
    with pytest.raises(FileExistsError):
        await export_histories(store, RunQuery(), path, progress=lambda _: path.write_text("mine"))
    assert path.read_text() == "mine"
    assert names_in(tmp_path) == [path.name]


async def test_a_compressed_file_is_the_same_file(tmp_path: Path) -> None:
    """The suffix `.gz` compresses, to the same bytes each time; reading needs no suffix."""
    store = await a_store()
    plain, first, second = (tmp_path / name for name in ("a.ndjson", "b.ndjson.gz", "c.gz"))
    for path in (plain, first, second):
        await export_histories(store, RunQuery(), path)
    assert first.read_bytes() == second.read_bytes()
    assert gzip.decompress(first.read_bytes()) == plain.read_bytes()
    assert verify_file(first) == verify_file(plain)
    renamed = first.rename(tmp_path / "d")
    assert verify_file(renamed) == verify_file(plain)


async def test_a_broken_compressed_file_is_refused(tmp_path: Path) -> None:
    """What cannot be unpacked to its end is cut off, whatever could be read of it."""
    store = await a_store()
    path = tmp_path / "a.gz"
    await export_histories(store, RunQuery(), path)
    packed = path.read_bytes()
    for wrong in (packed[:-9], packed[: len(packed) // 2], packed[:12] + b"xx" + packed[14:]):
        with pytest.raises(InvalidHistoryFile):
            verify_file(io.BytesIO(wrong))


async def test_runs_are_written_oldest_first(tmp_path: Path) -> None:
    """However many pages a store lists them on, newest first."""
    store = MemoryStore()
    names = [f"run-{number:03}" for number in range(450)]
    await store.append([Author(name).create() for name in names])
    path = tmp_path / "all.ndjson"
    await export_histories(store, RunQuery(limit=3), path)
    assert [history.run_id for history in read_histories(path)] == names
