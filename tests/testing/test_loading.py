"""Loading: the histories in a file are those that were exported, or none is given."""

from pathlib import Path

import pytest

import eventflow as ef
from eventflow.errors import InvalidHistoryFile
from eventflow.testing import History, load, load_all, runtime
from tests.testing.workflows import stumbling


async def test_a_run_that_was_exported_is_loaded_as_it_was(tmp_path: Path) -> None:
    """The events are the same to the byte; only their positions stay behind, in their store."""
    async with runtime(stumbling) as started:
        played = await started.play(stumbling, 5)
        await started.run(played.run_id).export(tmp_path / "run.ndjson")
    history = load(tmp_path / "run.ndjson")
    assert [each.hash for each in history] == [each.hash for each in played]
    assert history.state() == played.state()
    assert history.stage("spell").output == {"text": "20 from 10"}
    assert {each.position for each in history} == {0}


async def test_the_runs_of_a_file_come_one_after_the_other(tmp_path: Path) -> None:
    """`load_all` gives each of them; `load` wants exactly one, and says what to use instead."""
    path = tmp_path / "all.ndjson.gz"
    async with runtime(stumbling) as started:
        played = [await started.play(stumbling, number) for number in range(3)]
        await started.export(None, path)
        await started.export({"workflow": "none"}, tmp_path / "none.ndjson")
    assert [each.run_id for each in load_all(path)] == [each.run_id for each in played]
    with pytest.raises(ValueError, match="holds more than one run; load_all gives"):
        load(path)
    with pytest.raises(ValueError, match=r"none\.ndjson holds no run"):
        load(tmp_path / "none.ndjson")


async def test_an_altered_file_gives_no_history(tmp_path: Path) -> None:
    """A changed value is found by the hash chain, a file that was cut off by its missing end."""
    path = tmp_path / "run.ndjson"
    async with runtime(stumbling) as started:
        played = await started.play(stumbling, 5)
        await started.run(played.run_id).export(path)
    written = path.read_bytes()
    path.write_bytes(written.replace(b'"output":10', b'"output":11', 1))
    with pytest.raises(ef.HistoryAltered, match="altered at version 6"):
        load(path)
    path.write_bytes(b"".join(written.splitlines(keepends=True)[:-1]))
    with pytest.raises(InvalidHistoryFile):
        load(path)


async def test_a_history_may_come_from_a_run_as_well(tmp_path: Path) -> None:
    """What a file gives is what the run itself gives."""
    async with runtime(stumbling) as started:
        played = await started.play(stumbling, 5)
        run = started.run(played.run_id)
        await run.export(tmp_path / "run.ndjson")
        assert load(tmp_path / "run.ndjson").state() == (await History.of_run(run)).state()
