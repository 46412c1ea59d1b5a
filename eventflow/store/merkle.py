"""The Merkle tree of RFC 9162 over a log that is read once; it keeps O(log n) hashes, no entries.

Every entry is hashed behind a zero byte, and every pair of hashes behind a byte of one, so that a
pair can never be taken for an entry (RFC 9162, section 2.1.1). The entries of eventflow's tree are
made by `entry`: entry number 0 stands for position 1.
"""

from collections.abc import Collection, Sequence
from hashlib import sha256
from typing import TypeAlias

from eventflow.store.contract import StoredEvent

EMPTY = sha256().digest()
"""The root of a tree without entries."""

Range: TypeAlias = tuple[int, int]
"""The entries from one number up to, and without, another."""


def entry(event: StoredEvent) -> bytes:
    """Write what the tree holds of an event: its position, its run and its hash.

    The position in eight bytes and the length of the run id in four, both big-endian, the run id
    as UTF-8, and the 32 bytes of the hash, which covers everything else.
    """
    return entry_at(event.position, event)


def entry_at(position: int, event: StoredEvent) -> bytes:
    """Write what the tree holds of an event that stood at a position."""
    run_id = event.run_id.encode()
    return position.to_bytes(8, "big") + len(run_id).to_bytes(4, "big") + run_id + event.hash


def leaf_hash(data: bytes) -> bytes:
    """Hash an entry."""
    return sha256(b"\0" + data).digest()


def pair_hash(left: bytes, right: bytes) -> bytes:
    """Hash two subtrees that stand side by side."""
    return sha256(b"\1" + left + right).digest()


class Tree:
    """A tree that grows by one entry at a time.

    Args:
        wanted: Ranges whose hashes are to be remembered, as `audit_ranges` and
            `consistency_ranges` give them.
    """

    def __init__(self, wanted: Collection[Range] = ()) -> None:
        self._wanted = frozenset(wanted)
        self._known: dict[Range, bytes] = {}
        # Subtrees that are full, each at least twice as large as the next one.
        self._peaks: list[tuple[int, bytes]] = []
        self.size = 0

    def append(self, data: bytes) -> None:
        """Add an entry."""
        start, hashed = self.size, leaf_hash(data)
        self.size += 1
        self._remember(start, hashed)
        while self._peaks and self.size - start == start - self._peaks[-1][0]:
            start, left = self._peaks.pop()
            hashed = pair_hash(left, hashed)
            self._remember(start, hashed)
        self._peaks.append((start, hashed))

    def root(self) -> bytes:
        """Give the hash of the whole tree."""
        return self.hash_of((0, self.size)) if self.size else EMPTY

    def hash_of(self, wanted: Range) -> bytes:
        """Give the hash of a range that was wanted, or that ends with the last entry.

        Raises:
            ValueError: The range is neither.
        """
        if wanted in self._known:
            return self._known[wanted]
        start, end = wanted
        starts = [peak for peak, _ in self._peaks]
        if end != self.size or start not in starts:
            raise ValueError(f"the hash of the entries {wanted} was not kept")
        *peaks, hashed = [peak for _, peak in self._peaks[starts.index(start) :]]
        for left in reversed(peaks):
            hashed = pair_hash(left, hashed)
        return hashed

    def _remember(self, start: int, hashed: bytes) -> None:
        if (start, self.size) in self._wanted:
            self._known[start, self.size] = hashed


def audit_ranges(number: int, size: int) -> list[Range]:
    """List the ranges whose hashes prove that an entry is in a tree (section 2.1.3.1)."""
    start, end = 0, size
    beside: list[Range] = []
    while end - start > 1:
        middle = start + _split(end - start)
        if number < middle:
            beside.append((middle, end))
            end = middle
        else:
            beside.append((start, middle))
            start = middle
    return beside[::-1]


def consistency_ranges(old: int, size: int) -> list[Range]:
    """List the ranges whose hashes prove that a tree begins with an old one (section 2.1.4.1)."""
    ranges = _edge(old, size)
    # An old tree that is full stands whole in the new one, and who checks the proof has its root.
    return ranges[1:] if ranges[:1] == [(0, old)] else ranges


def root_of_path(hashed: bytes, number: int, size: int, path: Sequence[bytes]) -> bytes:
    """Compute the root of a tree from an entry's hash and its audit path (section 2.1.3.2).

    Raises:
        ValueError: The path cannot be one of such an entry.
    """
    ranges = audit_ranges(number, size) if 0 <= number < size else []
    if not 0 <= number < size or len(path) != len(ranges):
        raise ValueError("the path does not have the length of this place in the tree")
    for (start, _), beside in zip(ranges, path, strict=True):
        hashed = pair_hash(beside, hashed) if start < number else pair_hash(hashed, beside)
    return hashed


def is_consistent(
    old: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]
) -> bool:
    """Tell whether a proof shows that a tree begins with the entries of an old one (2.1.4.2)."""
    if old in (0, size):
        return not proof and old_root == (root if old else EMPTY)
    ranges = _edge(old, size)
    hashes = [old_root, *proof] if ranges[:1] == [(0, old)] else list(proof)
    if not ranges or len(hashes) != len(ranges):
        return False
    before = after = hashes[0]
    first, _ = ranges[0]
    for (start, _), beside in zip(ranges[1:], hashes[1:], strict=True):
        if start < first:
            before, after = pair_hash(beside, before), pair_hash(beside, after)
        else:
            after = pair_hash(after, beside)
    return before == old_root and after == root


def _split(size: int) -> int:
    """Give the largest power of two below a size."""
    return 1 << (size - 1).bit_length() - 1


def _edge(old: int, size: int) -> list[Range]:
    """List the last full subtree of an old tree, and what stands beside the way up from it."""
    if not 0 < old < size:
        return []
    start, end = 0, size
    beside: list[Range] = []
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            beside.append((middle, end))
            end = middle
        else:
            beside.append((start, middle))
            start = middle
    return [(start, end), *reversed(beside)]
