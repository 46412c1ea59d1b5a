"""Whoever tampers with a history file is found out, whatever it holds and however it is packed."""

import asyncio
import gzip
import io
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import eventflow as ef
from eventflow.engine.checkpoints import make_checkpoint
from eventflow.engine.histories import verify_file
from eventflow.engine.importing import import_histories
from eventflow.engine.signing import SigningKey
from eventflow.errors import InvalidCheckpoint, SchemaTooNew
from eventflow.store.memory import MemoryStore
from eventflow.testing.builders import START

REFUSED = (ef.HistoryAltered, InvalidCheckpoint, SchemaTooNew)


@ef.stage
async def repeat(ctx: ef.StageContext[str]) -> str:
    """Make what is too large for an event."""
    await ctx.log("é")
    return ctx.input * 1_000


@ef.stage
async def size(ctx: ef.StageContext[str]) -> int:
    """Make what is small."""
    return len(ctx.input)


SIZING = ef.define_workflow("sizing", input=str).pipe(repeat).pipe(size).build()


async def exported(folder: Path) -> tuple[bytes, bytes]:
    """Write two runs with their blobs and proofs, plain and packed."""
    store = MemoryStore()
    async with ef.Runtime(store, [SIZING], inline_limit=500) as runtime:
        await runtime.start()
        for text in "ab":
            await (await runtime.create_run("sizing", text)).result(timeout=30)
        checkpoint = await make_checkpoint(store, SigningKey.generate(), START)
        for name in ("plain.ndjson", "packed.gz"):
            await runtime.export(None, folder / name, checkpoint=checkpoint)
    return (folder / "plain.ndjson").read_bytes(), (folder / "packed.gz").read_bytes()


@pytest.fixture(scope="module")
def plain_and_packed(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """The same file in its two forms."""
    return asyncio.run(exported(tmp_path_factory.mktemp("files")))


@st.composite
def tampered(draw: st.DrawFn, written: bytes) -> bytes:
    """Change, delete, insert, double or swap bytes, or whole lines."""
    parts = written.splitlines(keepends=True)
    if draw(st.booleans()):
        parts = [written[place : place + 1] for place in range(len(written))]
    place, other = (draw(st.integers(0, len(parts) - 1)) for _ in range(2))
    match draw(st.sampled_from(["change", "delete", "insert", "double", "swap", "move"])):
        case "change":
            changed = bytearray(parts[place])
            changed[draw(st.integers(0, len(changed) - 1))] ^= 1 << draw(st.integers(0, 7))
            parts[place] = bytes(changed)
        case "delete":
            del parts[place : place + draw(st.sampled_from([1, 1, 2, 9]))]
        case "insert":
            parts.insert(place, draw(st.binary(min_size=1, max_size=3)))
        case "double":
            parts.insert(place, parts[place])
        case "swap":
            parts[place], parts[other] = parts[other], parts[place]
        case _:
            parts.insert(place, parts.pop(other))
    return b"".join(parts)


@given(data=st.data())
@settings(max_examples=min(500, max(200, settings().max_examples)))
def test_whatever_was_changed_is_found(
    plain_and_packed: tuple[bytes, bytes], data: st.DataObject
) -> None:
    """Any byte or line: of an event, a blob, a proof, the checkpoint, the manifest, the end."""
    plain, _ = plain_and_packed
    wrong = data.draw(tampered(plain))
    assume(wrong != plain)
    with pytest.raises(REFUSED):
        verify_file(io.BytesIO(wrong))


@given(data=st.data())
@settings(max_examples=min(500, max(200, settings().max_examples)))
def test_what_was_changed_in_a_packed_file_is_found_if_it_unpacks_to_something_else(
    plain_and_packed: tuple[bytes, bytes], data: st.DataObject
) -> None:
    """A few bits of the packing mean nothing; what holds the events is proven as it is unpacked."""
    plain, packed = plain_and_packed
    wrong = data.draw(tampered(packed))
    try:
        verify_file(io.BytesIO(wrong))
    except REFUSED:
        return
    assert gzip.decompress(wrong) == plain


def test_no_changed_byte_of_a_packed_file_passes_for_another_history(
    plain_and_packed: tuple[bytes, bytes],
) -> None:
    """Each byte of the packing in turn."""
    plain, packed = plain_and_packed
    for place in range(len(packed)):
        wrong = bytearray(packed)
        wrong[place] ^= (0x01, 0x20, 0x80)[place % 3]
        try:
            verify_file(io.BytesIO(bytes(wrong)))
        except REFUSED:
            continue
        assert gzip.decompress(bytes(wrong)) == plain


@given(data=st.data())
def test_nothing_of_an_altered_file_is_imported(
    plain_and_packed: tuple[bytes, bytes], data: st.DataObject
) -> None:
    """The file is proven to its end before anything is appended."""
    plain, _ = plain_and_packed
    wrong = data.draw(tampered(plain))
    assume(wrong != plain)

    async def attempt() -> None:
        store = MemoryStore()
        with pytest.raises(REFUSED):
            await import_histories(store, io.BytesIO(wrong))
        assert await store.read_all(0, 1) == []

    asyncio.run(attempt())
