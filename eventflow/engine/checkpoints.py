"""Signed statements about a log: so long it was, and this was the root of the tree over it.

A checkpoint is kept outside of the database. Whoever has it, and the public key, can tell whether
anything before its end was changed or cut off. Making one reads the whole log and proves it.
"""

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, TypeAlias

import msgspec
from attrs import evolve
from msgspec import Meta

from eventflow.core.frozen import frozen
from eventflow.engine.output import Destination, Output
from eventflow.engine.signing import Signer, is_signed, load_public_key
from eventflow.engine.walking import Walk, newest_position
from eventflow.errors import Alteration, CheckpointMismatch, InvalidCheckpoint, SchemaTooNew
from eventflow.store.chain import rfc3339
from eventflow.store.contract import Store
from eventflow.store.merkle import consistency_ranges, is_consistent

FORMAT = 1
"""The number of the format that this release writes; it reads this one and all lower ones."""

Size: TypeAlias = Annotated[int, Meta(ge=0)]
Hash: TypeAlias = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


@frozen
class Earlier:
    """The checkpoint before, and the proof that the log only grew since.

    Attributes:
        size: How many events it is about.
        root: The root of the tree over them, in hexadecimal.
        proof: The consistency proof of RFC 9162, each hash in hexadecimal.
    """

    size: Size
    root: Hash
    proof: tuple[Hash, ...]


@frozen
class Checkpoint:
    """A signed statement about a log.

    Attributes:
        size: How many events the log had.
        root: The root of the Merkle tree over them, in hexadecimal.
        made_at: When it was made, in the store's time, in UTC.
        previous: The checkpoint before, if it was given.
        public_key: The key of whoever signed, in hexadecimal; trust one that you know instead.
        signature: The Ed25519 signature of `signed_text`, in hexadecimal.
    """

    size: Size
    root: Hash
    made_at: Annotated[datetime, Meta(tz=True)]
    previous: Earlier | None
    public_key: Hash
    signature: Annotated[str, Meta(pattern="^[0-9a-f]{128}$")]


def signed_text(checkpoint: Checkpoint) -> bytes:
    """Give the bytes that are signed: five lines of text."""
    earlier = checkpoint.previous
    lines = (
        f"eventflow checkpoint {FORMAT}",
        f"size {checkpoint.size}",
        f"root {checkpoint.root}",
        f"made_at {rfc3339(checkpoint.made_at)}",
        f"previous {earlier.size} {earlier.root}" if earlier is not None else "previous none",
    )
    return "".join(f"{line}\n" for line in lines).encode()


async def make_checkpoint(
    store: Store,
    signer: Signer,
    made_at: datetime,
    *,
    previous: Checkpoint | None = None,
    progress: Callable[[int], object] | None = None,
) -> Checkpoint:
    """Prove the log of a store, and sign how long it is and its root.

    Args:
        store: The store.
        signer: Signs.
        made_at: The time.
        previous: The checkpoint before; nothing is signed unless the log still begins with it.
        progress: Is told every now and then how many events were proven.

    Raises:
        CheckpointMismatch: The log no longer begins with the previous checkpoint.
        HistoryAltered: An event of the log is not genuine; it is named.
        InvalidCheckpoint: The previous checkpoint names the signer's key, who did not sign it.
        StoreUnavailable: The store is away.
    """
    public_key = signer.public_key.hex()
    if previous is not None and previous.public_key == public_key:
        check_signature(previous, signer.public_key)
    size = await newest_position(store)
    marks = roots_of(previous, size) if previous is not None else {}
    ranges = consistency_ranges(previous.size, size) if previous is not None else []
    tree = await Walk(store, size, marks=marks, wanted=ranges).to_the_end(progress)
    earlier = None
    if previous is not None:
        proof = tuple(tree.hash_of(each).hex() for each in ranges)
        earlier = Earlier(previous.size, previous.root, proof)
    unsigned = Checkpoint(size, tree.root().hex(), made_at, earlier, public_key, "")
    return evolve(unsigned, signature=signer.sign(signed_text(unsigned)).hex())


def roots_of(checkpoint: Checkpoint, size: int) -> dict[int, bytes]:
    """Give what the root of a log must be at the end of a checkpoint.

    Raises:
        CheckpointMismatch: The log has become shorter.
    """
    if checkpoint.size > size:
        raise CheckpointMismatch(checkpoint.size, f"{size} events are left", Alteration.MISSING)
    return {checkpoint.size: bytes.fromhex(checkpoint.root)}


def check_signature(checkpoint: Checkpoint, public_key: bytes | str) -> None:
    """See that a checkpoint was signed with a key.

    Args:
        checkpoint: The checkpoint.
        public_key: The key, as PEM or as its 32 bytes.

    Raises:
        ExtraMissing: The extra `[crypto]` is not installed.
        InvalidCheckpoint: It was not.
        InvalidKey: The key is none.
    """
    raw = load_public_key(public_key)
    if not is_signed(signed_text(checkpoint), bytes.fromhex(checkpoint.signature), raw):
        raise InvalidCheckpoint(
            f"The checkpoint of {checkpoint.size} events was not signed with the key {raw.hex()}, "
            "or was changed since; use the public key of whoever made it"
        )


def check_continues(checkpoint: Checkpoint, previous: Checkpoint) -> None:
    """See, without the log, that between two checkpoints it has only grown.

    Both signatures are to be checked as well.

    Raises:
        CheckpointMismatch: The later one does not show that it continues the other.
    """
    earlier = checkpoint.previous
    if earlier is None or (earlier.size, earlier.root) != (previous.size, previous.root):
        found = f"the previous one of {earlier.size}" if earlier is not None else "no previous one"
        raise CheckpointMismatch(
            previous.size,
            f"the checkpoint of {checkpoint.size} events names {found}",
            Alteration.ALTERED,
        )
    proven = is_consistent(
        previous.size,
        bytes.fromhex(previous.root),
        checkpoint.size,
        bytes.fromhex(checkpoint.root),
        [bytes.fromhex(each) for each in earlier.proof],
    )
    if not proven:
        reason = f"the proof in the checkpoint of {checkpoint.size} events does not hold"
        raise CheckpointMismatch(previous.size, reason, Alteration.ALTERED)


def checkpoint_as_json(checkpoint: Checkpoint) -> bytes:
    """Write a checkpoint as a small file for people and programs."""
    written = msgspec.to_builtins(checkpoint)
    data = msgspec.json.encode({"eventflow": "checkpoint", "format": FORMAT, **written})
    return msgspec.json.format(data, indent=2) + b"\n"


def checkpoint_of_json(data: bytes | str, name: str = "the checkpoint") -> Checkpoint:
    """Read what `checkpoint_as_json` has written; its signature is checked by who has the key.

    Args:
        data: The JSON.
        name: What errors call it.

    Raises:
        InvalidCheckpoint: It is no checkpoint.
        SchemaTooNew: A newer release wrote it.
    """
    try:
        head = msgspec.json.decode(data, type=_Head)
        if head.eventflow != "checkpoint":
            raise InvalidCheckpoint(f"{name} is no checkpoint, but a {head.eventflow} file")
        if head.format > FORMAT:
            raise SchemaTooNew(
                f"{name} has format {head.format}; this release reads up to {FORMAT}: "
                "install the release that wrote it, or a newer one"
            )
        return msgspec.json.decode(data, type=Checkpoint)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidCheckpoint(f"{name} is no checkpoint: {error}") from None


def write_checkpoint(checkpoint: Checkpoint, path: Destination, *, overwrite: bool = False) -> None:
    """Write a checkpoint to a file, whole or not at all.

    Raises:
        FileExistsError: The path is taken.
        OSError: The file cannot be written.
    """
    output = Output(path, overwrite=overwrite)
    try:
        output.write(checkpoint_as_json(checkpoint))
        output.keep()
    finally:
        output.discard()


def read_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """Read a checkpoint from a file.

    Raises:
        InvalidCheckpoint: It is no checkpoint.
        OSError: It cannot be read.
        SchemaTooNew: A newer release wrote it.
    """
    return checkpoint_of_json(Path(path).read_bytes(), os.fspath(path))


class _Head(msgspec.Struct):
    """What every file of eventflow begins with."""

    eventflow: str
    format: int
