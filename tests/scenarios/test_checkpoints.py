"""Checkpoints hold a log to what it was, and prove to anybody that a run was in it."""

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

import eventflow as ef
from eventflow.engine.checkpoints import (
    Checkpoint,
    check_continues,
    check_signature,
    checkpoint_as_json,
    checkpoint_of_json,
    make_checkpoint,
    read_checkpoint,
    signed_text,
    write_checkpoint,
)
from eventflow.engine.histories import read_histories, verify_file
from eventflow.engine.importing import import_histories
from eventflow.engine.signing import SigningKey
from eventflow.errors import (
    Alteration,
    CheckpointMismatch,
    InvalidCheckpoint,
    InvalidHistoryFile,
    SchemaTooNew,
)
from eventflow.store.contract import RunQuery, Store
from eventflow.store.memory import MemoryStore
from eventflow.store.merkle import EMPTY
from eventflow.testing.builders import Author
from tests.scenarios.conftest import Open
from tests.scenarios.test_verify import Swapped, fill

KEY = SigningKey.generate()
NOW = datetime(2026, 3, 4, 5, 6, 7, 89, tzinfo=UTC)


async def proven(store: Store, checkpoint: Checkpoint, run_id: str | None = None) -> bytes:
    """Export runs with their proofs."""
    file = io.BytesIO()
    query = None if run_id is None else RunQuery(run_ids=[run_id])
    async with ef.Runtime(store) as runtime:
        await runtime.export(query, file, checkpoint=checkpoint)
    return file.getvalue()


async def test_a_checkpoint_proves_a_store(open_runtime: Open, store: Store) -> None:
    """What was there when it was made is proven for as long as the log only grows."""
    await fill(store)
    runtime = await open_runtime()
    first = await runtime.checkpoint(KEY)
    assert (first.size, first.previous) == (len(await store.read_all(0, 1_000)), None)
    await runtime.verify(checkpoint=first, public_key=KEY.public_pem())
    await fill(store)
    await runtime.verify(checkpoint=first, public_key=KEY.public_key)
    second = await runtime.checkpoint(KEY, first)
    await runtime.verify(checkpoint=second, public_key=KEY.public_pem())
    check_continues(second, first)


async def test_an_empty_log_has_a_checkpoint(store: Store) -> None:
    """From it on everything is held."""
    empty = await make_checkpoint(store, KEY, NOW)
    assert (empty.size, empty.root) == (0, EMPTY.hex())
    await fill(store)
    later = await make_checkpoint(store, KEY, NOW, previous=empty)
    check_continues(later, empty)
    same = await make_checkpoint(store, KEY, NOW, previous=later)
    check_continues(same, later)


@pytest.mark.parametrize("grown", range(1, 9))
async def test_checkpoints_of_all_sizes_continue_each_other(store: Store, grown: int) -> None:
    """Between any two of them, growth alone is proven without the log."""
    author = Author()
    await store.append([author.create(), author.claim()])
    chain = [await make_checkpoint(store, KEY, NOW)]
    for _ in range(4):
        await store.append([author.note(count=grown)])
        chain.append(await make_checkpoint(store, KEY, NOW, previous=chain[-1]))
        check_continues(chain[-1], chain[-2])
        check_signature(chain[-1], KEY.public_key)


async def test_nothing_is_signed_that_was_rewritten(store: Store) -> None:
    """A log in another order, and another log, are not the continuation of the checkpoint."""
    one, other = Author(), Author()
    await store.append([one.create(), other.create(), one.note(), other.note()])
    genuine = await make_checkpoint(store, KEY, NOW)
    rewritten: Any = Swapped(store, 5)
    with pytest.raises(CheckpointMismatch) as found:
        await make_checkpoint(rewritten, KEY, NOW, previous=genuine)
    assert (found.value.size, found.value.how) == (6, Alteration.ALTERED)
    another = MemoryStore()
    await fill(another)
    with pytest.raises(CheckpointMismatch):
        await make_checkpoint(another, KEY, NOW, previous=genuine)


async def test_nothing_is_signed_that_was_cut_off(store: Store) -> None:
    """A log that is shorter than the checkpoint before is refused."""
    longer = MemoryStore()
    await fill(longer, 9)
    before = await make_checkpoint(longer, KEY, NOW)
    await fill(store, 3)
    with pytest.raises(CheckpointMismatch, match="events are left") as found:
        await make_checkpoint(store, KEY, NOW, previous=before)
    assert found.value.how is Alteration.MISSING
    async with ef.Runtime(store) as runtime:
        with pytest.raises(CheckpointMismatch):
            await runtime.verify(checkpoint=before, public_key=KEY.public_key)


async def test_a_forged_previous_checkpoint_is_refused(store: Store) -> None:
    """Who names the signer's own key must have its signature."""
    await fill(store)
    forged = evolve(await make_checkpoint(store, KEY, NOW), size=2)
    with pytest.raises(InvalidCheckpoint):
        await make_checkpoint(store, KEY, NOW, previous=forged)


async def test_a_new_key_goes_on_from_the_old_one(store: Store) -> None:
    """The previous checkpoint may be of another key: the log itself is compared with it."""
    await fill(store)
    before = await make_checkpoint(store, SigningKey.generate(), NOW)
    check_continues(await make_checkpoint(store, KEY, NOW, previous=before), before)


async def test_a_checkpoint_needs_a_key_to_prove_anything(store: Store) -> None:
    """Without a key, and with another one, it is worth nothing."""
    checkpoint = await make_checkpoint(store, KEY, NOW)
    async with ef.Runtime(store) as runtime:
        with pytest.raises(InvalidCheckpoint, match="give public_key="):
            await runtime.verify(checkpoint=checkpoint)
        with pytest.raises(InvalidCheckpoint, match="was not signed with the key"):
            await runtime.verify(checkpoint=checkpoint, public_key=SigningKey.generate().public_key)


@pytest.fixture
async def signed() -> Checkpoint:
    """A checkpoint that continues another one."""
    store = MemoryStore()
    await fill(store, 2)
    first = await make_checkpoint(store, KEY, NOW)
    await fill(store, 3)
    return await make_checkpoint(store, KEY, NOW, previous=first)


async def test_the_signed_text_is_pinned(signed: Checkpoint) -> None:
    """Others can check a signature without eventflow."""
    pinned = evolve(signed, size=12, root="ab" * 32, previous=None)
    assert signed_text(pinned) == (
        b"eventflow checkpoint 1\nsize 12\nroot " + b"ab" * 32 + b"\n"
        b"made_at 2026-03-04T05:06:07.000089Z\nprevious none\n"
    )
    earlier = signed.previous
    assert earlier is not None
    line = f"previous {earlier.size} {earlier.root}\n".encode()
    assert signed_text(signed).endswith(line)


async def test_a_checkpoint_is_a_small_file(signed: Checkpoint, tmp_path: Path) -> None:
    """It is read as it was written, and is not replaced silently."""
    path = tmp_path / "checkpoint.json"
    write_checkpoint(signed, path)
    assert read_checkpoint(path) == signed
    with pytest.raises(FileExistsError):
        write_checkpoint(signed, path)
    write_checkpoint(signed, path, overwrite=True)


@pytest.mark.parametrize(
    "change",
    [
        {"size": 7},
        {"root": "00" * 32},
        {"made_at": NOW.replace(microsecond=90)},
        {"previous": None},
        {"signature": "00" * 64},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_every_part_is_signed(signed: Checkpoint, change: dict[str, Any]) -> None:
    """Whatever is changed, the signature is no longer that of the checkpoint."""
    check_signature(signed, KEY.public_key)
    with pytest.raises(InvalidCheckpoint):
        check_signature(evolve(signed, **change), KEY.public_key)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"eventflow": "history"}, "but a history file"),
        ({"root": "xy"}, "is no checkpoint"),
        ({"root": "AB" * 32}, "is no checkpoint"),
        ({"size": -1}, "is no checkpoint"),
        ({"made_at": "2026-01-01T00:00:00"}, "is no checkpoint"),
        ({"signature": 1}, "is no checkpoint"),
        ({"previous": {"size": 1}}, "is no checkpoint"),
    ],
    ids=["kind", "short root", "upper case", "size", "no zone", "signature", "previous"],
)
async def test_what_is_no_checkpoint_is_refused(
    signed: Checkpoint, change: dict[str, Any], error: str
) -> None:
    """A file of another kind, and a broken one, are told."""
    wrong = json.dumps(json.loads(checkpoint_as_json(signed)) | change)
    with pytest.raises(InvalidCheckpoint, match=error):
        checkpoint_of_json(wrong)
    with pytest.raises(InvalidCheckpoint):
        checkpoint_of_json(b"\xff")
    newer = json.dumps(json.loads(checkpoint_as_json(signed)) | {"format": 2})
    with pytest.raises(SchemaTooNew):
        checkpoint_of_json(newer)


async def test_a_proof_of_growth_that_does_not_hold_is_refused(signed: Checkpoint) -> None:
    """Another checkpoint before it, and a changed proof, are found."""
    earlier = signed.previous
    assert earlier is not None
    before = evolve(signed, size=earlier.size, root=earlier.root, previous=None)
    check_continues(signed, before)
    for wrong in (evolve(before, size=3), evolve(before, root="00" * 32)):
        with pytest.raises(CheckpointMismatch, match="names the previous one of"):
            check_continues(signed, wrong)
    with pytest.raises(CheckpointMismatch, match="names no previous one"):
        check_continues(before, signed)
    changed = evolve(earlier, proof=("00" * 32, *earlier.proof[1:]))
    with pytest.raises(CheckpointMismatch, match="does not hold"):
        check_continues(evolve(signed, previous=changed), before)


async def test_an_export_proves_that_its_runs_are_in_the_log(store: Store) -> None:
    """The file alone, and the public key, are enough; later events of a run are not covered."""
    one, other = Author("one"), Author("other")
    await store.append([one.create(), other.create(), one.claim(), other.note()])
    checkpoint = await make_checkpoint(store, KEY, NOW)
    await store.append([one.note(), Author("late").create()])
    file = await proven(store, checkpoint, "one")
    verdict = verify_file(io.BytesIO(file), public_key=KEY.public_pem())
    assert (verdict.checkpoint, verdict.events, verdict.proven) == (checkpoint, 5, 4)
    (history,) = read_histories(io.BytesIO(file), public_key=KEY.public_key)
    assert history.proven == 4
    target = MemoryStore()
    assert (await import_histories(target, io.BytesIO(file))).imported == 5


async def test_every_run_of_a_file_is_proven(store: Store) -> None:
    """One pass over the log makes the proofs of all runs."""
    log = await fill(store, 20)
    checkpoint = await make_checkpoint(store, KEY, NOW)
    file = await proven(store, checkpoint)
    verdict = verify_file(io.BytesIO(file), public_key=KEY.public_key)
    assert (verdict.runs, verdict.proven) == (20, len(log))


async def test_a_run_behind_the_checkpoint_has_no_proof(store: Store) -> None:
    """It takes a newer checkpoint."""
    checkpoint = await make_checkpoint(store, KEY, NOW)
    await store.append([Author().create()])
    with pytest.raises(InvalidCheckpoint, match="began behind the checkpoint of 0 events"):
        await proven(store, checkpoint)


async def test_a_checkpoint_of_another_log_makes_no_proof(store: Store) -> None:
    """A file is not written that would not be believed."""
    another = MemoryStore()
    await fill(another)
    await fill(store)
    with pytest.raises(CheckpointMismatch):
        await proven(store, await make_checkpoint(another, KEY, NOW))


async def test_a_file_without_a_proof_is_not_believed(store: Store) -> None:
    """Whoever asks for proof is not content with a file that only fits in itself."""
    await fill(store, 2)
    plain = io.BytesIO()
    async with ef.Runtime(store) as runtime:
        await runtime.export(None, plain)
    with pytest.raises(InvalidCheckpoint, match="does not prove"):
        verify_file(io.BytesIO(plain.getvalue()), public_key=KEY.public_key)


async def test_a_forged_file_is_not_believed(store: Store) -> None:
    """Neither a run of another store, nor a checkpoint of another key, passes for genuine."""
    await fill(store, 2)
    genuine = await make_checkpoint(store, KEY, NOW)
    lines = (await proven(store, genuine)).splitlines(keepends=True)
    other = MemoryStore()
    await fill(other, 2)
    mallory = SigningKey.generate()
    forged = await proven(other, await make_checkpoint(other, mallory, NOW))
    with pytest.raises(InvalidCheckpoint, match="was not signed with the key"):
        verify_file(io.BytesIO(forged), public_key=KEY.public_key)
    mixed = forged.splitlines(keepends=True)
    mixed[1] = lines[1]
    with pytest.raises(ef.HistoryAltered, match="did not stand at position"):
        verify_file(io.BytesIO(b"".join(mixed)), public_key=KEY.public_key)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda lines: lines.pop(1), "one proof for each run"),
        (lambda lines: lines.insert(3, lines[1]), "behind the first line"),
        (lambda lines: lines.insert(8, lines[8]), "one proof for each run"),
    ],
    ids=["no checkpoint", "second checkpoint", "second proof"],
)
async def test_proofs_stand_where_they_belong(store: Store, edit: Any, message: str) -> None:  # noqa: ANN401 - edits lines
    """A file with the lines of a proof in another place is refused."""
    await fill(store, 2)
    checkpoint = await make_checkpoint(store, KEY, NOW)
    lines = (await proven(store, checkpoint)).splitlines(keepends=True)
    assert b'"line":"proof"' in lines[8]
    edit(lines)
    with pytest.raises(InvalidHistoryFile, match=message):
        verify_file(io.BytesIO(b"".join(lines)))


async def test_every_changed_byte_of_a_proven_file_is_found(store: Store) -> None:
    """Checkpoint and proofs are lines like all others."""
    await fill(store, 1)
    file = await proven(store, await make_checkpoint(store, KEY, NOW))
    for place in range(0, len(file), 3):
        wrong = bytearray(file)
        wrong[place] ^= 1
        with pytest.raises((ef.HistoryAltered, InvalidCheckpoint, SchemaTooNew)):
            verify_file(io.BytesIO(bytes(wrong)), public_key=KEY.public_key)
