"""The golden corpus: one stored event of every shape that any release has written.

A file holds the header of a stored event on its first line, and on the second its data, byte by
byte as it was stored. It lies in the folder of the release that introduced the shape, and its name
is the type and the schema number. Files are added and never changed; `SHA256SUMS` would tell.

`python -m tests.store.corpus` adds the shapes that this release writes and that no file has.
"""

import sys
from collections.abc import Iterator
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import msgspec
from attrs import frozen

from eventflow.store.chain import GENESIS, event_hash
from eventflow.store.codec import encode
from eventflow.store.contract import StoredEvent
from tests.store.examples import EXAMPLES, MOMENT

FOLDER = Path(__file__).parent / "golden"
SUMS = FOLDER / "SHA256SUMS"


@frozen
class Golden:
    """A stored event of the corpus.

    Attributes:
        name: Its file, as seen from the folder of the corpus.
        stored: The event.
    """

    name: str
    stored: StoredEvent

    @property
    def release(self) -> tuple[int, ...]:
        """The release that introduced the shape."""
        return tuple(int(part) for part in self.name.partition("/")[0].split("."))


def corpus() -> list[Golden]:
    """Read all files, those of the oldest release first."""
    read = [_read(path) for path in FOLDER.glob("*/*.json")]
    return sorted(read, key=lambda golden: (golden.release, golden.name))


def newest() -> dict[str, Golden]:
    """Give the newest shape of each type."""
    return {golden.stored.type: golden for golden in corpus()}


def sums() -> dict[str, str]:
    """Read the digest of each file as it was when it was added."""
    lines = SUMS.read_text(encoding="ascii").splitlines()
    return {name: digest for digest, name in (line.split("  ") for line in lines)}


def digest_of(name: str) -> str:
    """Digest a file as it is now."""
    return sha256((FOLDER / name).read_bytes()).hexdigest()


def missing() -> Iterator[StoredEvent]:
    """Yield the events that this release writes in a shape that no file has."""
    known = newest()
    for name, event in EXAMPLES.items():
        kind, schema, data = encode(event)
        golden = known.get(name)
        if golden is None or (golden.stored.schema, golden.stored.data) != (schema, data):
            yield _stored(kind, schema, data)


def add(stored: StoredEvent, release: str) -> str:
    """Add an event, and give the name of its file.

    Raises:
        FileExistsError: The release has a file for this type and schema number already.
    """
    name = f"{release}/{stored.type}.{stored.schema}.json"
    header = {
        "recorded_at": stored.recorded_at,
        "actor": stored.actor,
        "op_id": stored.op_id,
        "hash": stored.hash.hex(),
    }
    path = FOLDER / name
    path.parent.mkdir(exist_ok=True)
    with path.open("xb") as file:
        file.write(msgspec.json.encode(header) + b"\n" + stored.data + b"\n")
    with SUMS.open("a", encoding="ascii") as file:
        file.write(f"{digest_of(name)}  {name}\n")
    return name


def _read(path: Path) -> Golden:
    header, _, data = path.read_bytes().partition(b"\n")
    name = path.relative_to(FOLDER).as_posix()
    kind, _, schema = path.stem.rpartition(".")
    said = msgspec.json.decode(header)
    stored = StoredEvent(
        run_id="golden",
        version=1,
        type=kind,
        schema=int(schema),
        data=data.removesuffix(b"\n"),
        recorded_at=msgspec.convert(said["recorded_at"], type(MOMENT)),
        actor=said["actor"],
        op_id=said["op_id"],
        hash=bytes.fromhex(said["hash"]),
    )
    return Golden(name, stored)


def _stored(kind: str, schema: int, data: bytes) -> StoredEvent:
    header = {"recorded_at": MOMENT, "actor": "g\u00f6ld", "op_id": "golden.1"}
    place = {"run_id": "golden", "version": 1, "type": kind, "schema": schema, "data": data}
    digest = event_hash(GENESIS, **place, **header)  # type: ignore[arg-type] # each has its own
    return StoredEvent(**place, **header, hash=digest)  # type: ignore[arg-type] # as above


def main() -> int:
    """Add what is missing."""
    for stored in missing():
        print(f"added {add(stored, version('eventflow-engine'))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
