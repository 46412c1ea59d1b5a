"""Files appear whole or not at all, and nothing that is no file is ever replaced by one."""

import os
import stat
from pathlib import Path

import pytest

from eventflow.engine.output import Output


def write(path: Path, data: bytes, *, overwrite: bool = False) -> None:
    """Write a file in one go."""
    output = Output(path, overwrite=overwrite)
    try:
        output.write(data)
        output.keep()
    finally:
        output.discard()


def test_a_named_pipe_is_written_to_and_stays(tmp_path: Path) -> None:
    """What is no file takes the bytes as they come, also where a file would be replaced."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        for overwrite in (False, True):
            write(pipe, b"history", overwrite=overwrite)
            assert os.read(reader, 100) == b"history"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert [each.name for each in tmp_path.iterdir()] == ["pipe"]


def test_a_link_stays_and_its_file_is_replaced(tmp_path: Path) -> None:
    """Behind a link, the file that it names is replaced, and the link is left as it is."""
    file, link = tmp_path / "today.jsonl", tmp_path / "latest.jsonl"
    file.write_bytes(b"old")
    link.symlink_to(file)
    with pytest.raises(FileExistsError):
        write(link, b"new")
    write(link, b"new", overwrite=True)
    assert link.is_symlink()
    assert file.read_bytes() == b"new"


def test_a_folder_is_no_place_for_a_file(tmp_path: Path) -> None:
    """A path that is a folder is refused before anything is written, whatever was said."""
    for overwrite in (False, True):
        with pytest.raises(IsADirectoryError):
            Output(tmp_path, overwrite=overwrite)
    assert list(tmp_path.iterdir()) == []


def test_an_error_names_the_path_that_was_given(tmp_path: Path) -> None:
    """A folder that is missing is told with the name that was asked for."""
    with pytest.raises(FileNotFoundError) as caught:
        Output(tmp_path / "missing" / "x.jsonl")
    assert caught.value.filename == str(tmp_path / "missing" / "x.jsonl")


def test_a_full_device_is_told(tmp_path: Path) -> None:
    """What a device does not take is an error, and the device stays."""
    full = Path("/dev/full")
    if not full.is_char_device():
        pytest.skip("this system has no full device")
    link = tmp_path / "full"
    link.symlink_to(full)
    with pytest.raises(OSError, match="No space left"):
        write(link, b"history", overwrite=True)
    assert full.is_char_device()
    assert link.is_symlink()
