"""The Merkle tree is that of RFC 9162, and each proof is worth exactly what it says."""

import contextlib
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventflow.store import merkle
from eventflow.store.contract import StoredEvent
from eventflow.store.merkle import (
    EMPTY,
    Tree,
    audit_ranges,
    consistency_ranges,
    is_consistent,
    leaf_hash,
    root_of_path,
)

SIZES = range(70)


def entries(size: int) -> list[bytes]:
    """So many entries, all different."""
    return [b"entry %d" % number for number in range(size)]


# The definitions of RFC 9162, sections 2.1.1, 2.1.3.1 and 2.1.4.1, word for word.


def mth(data: list[bytes]) -> bytes:
    """The Merkle tree hash."""
    if not data:
        return sha256(b"").digest()
    if len(data) == 1:
        return sha256(b"\x00" + data[0]).digest()
    k = split(len(data))
    return sha256(b"\x01" + mth(data[:k]) + mth(data[k:])).digest()


def split(n: int) -> int:
    """The largest power of two smaller than n."""
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def path(m: int, data: list[bytes]) -> list[bytes]:
    """The inclusion proof of entry m."""
    if len(data) == 1:
        return []
    k = split(len(data))
    if m < k:
        return [*path(m, data[:k]), mth(data[k:])]
    return [*path(m - k, data[k:]), mth(data[:k])]


def subproof(m: int, data: list[bytes], *, whole: bool) -> list[bytes]:
    """The consistency proof of the first m entries."""
    if m == len(data):
        return [] if whole else [mth(data)]
    k = split(len(data))
    if m <= k:
        return [*subproof(m, data[:k], whole=whole), mth(data[k:])]
    return [*subproof(m - k, data[k:], whole=False), mth(data[:k])]


def tree_of(data: list[bytes], wanted: list[merkle.Range] | None = None) -> Tree:
    """Build a tree in one pass."""
    tree = Tree(wanted or [])
    for each in data:
        tree.append(each)
    return tree


@pytest.mark.parametrize("size", SIZES)
def test_the_root_is_that_of_the_definition(size: int) -> None:
    """At every size, reading once gives what the recursion gives."""
    assert tree_of(entries(size)).root() == mth(entries(size))


def test_known_roots() -> None:
    """The roots of the test vectors that implementations of the RFC share."""
    data = [
        *(b"", b"\x00", b"\x10", b"\x20\x21", b"\x30\x31", b"\x40\x41\x42\x43"),
        *(bytes(range(0x50, 0x58)), bytes(range(0x60, 0x70))),
    ]
    roots = {
        0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    }
    assert {size: tree_of(data[:size]).root().hex() for size in roots} == roots


@pytest.mark.parametrize("size", SIZES)
def test_every_audit_path_is_that_of_the_definition(size: int) -> None:
    """The paths of all entries come from one pass, and lead to the root."""
    data = entries(size)
    wanted = [each for number in range(size) for each in audit_ranges(number, size)]
    tree = tree_of(data, wanted)
    for number in range(size):
        found = [tree.hash_of(each) for each in audit_ranges(number, size)]
        assert found == path(number, data)
        assert root_of_path(leaf_hash(data[number]), number, size, found) == tree.root()


@pytest.mark.parametrize("size", SIZES)
def test_every_consistency_proof_is_that_of_the_definition(size: int) -> None:
    """Any earlier size is proven from one pass."""
    data = entries(size)
    for old in range(1, size):
        ranges = consistency_ranges(old, size)
        tree = tree_of(data, ranges)
        proof = [tree.hash_of(each) for each in ranges]
        assert proof == subproof(old, data, whole=True)
        assert is_consistent(old, mth(data[:old]), size, tree.root(), proof)


def test_a_tree_is_consistent_with_itself_and_with_nothing() -> None:
    """An empty tree, and the same tree, need no proof; other roots have none."""
    root = mth(entries(5))
    assert is_consistent(0, EMPTY, 5, root, [])
    assert is_consistent(5, root, 5, root, [])
    assert not is_consistent(0, root, 5, root, [])
    assert not is_consistent(5, EMPTY, 5, root, [])
    assert not is_consistent(5, root, 5, root, [root])
    assert not is_consistent(6, root, 5, root, [])


SPOILED: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "hash": lambda given: [EMPTY, *given[1:]],
    "last": lambda given: [*given[:-1], EMPTY],
    "short": lambda given: given[1:],
    "long": lambda given: [*given, EMPTY],
    "swap": lambda given: [*given[1::-1], *given[2:]],
}


@pytest.mark.parametrize("kind", SPOILED)
@given(data=st.data(), size=st.integers(3, 300))
def test_no_other_path_will_do(kind: str, data: st.DataObject, size: int) -> None:
    """A path that was changed in any way leads elsewhere, or nowhere."""
    number = data.draw(st.integers(0, size - 2))
    tree = tree_of(entries(size), audit_ranges(number, size))
    wrong = SPOILED[kind]([tree.hash_of(each) for each in audit_ranges(number, size)])
    with contextlib.suppress(ValueError):
        hashed = leaf_hash(entries(size)[number])
        assert root_of_path(hashed, number, size, wrong) != tree.root()


@given(data=st.data(), size=st.integers(2, 300))
def test_a_path_is_that_of_one_entry(data: st.DataObject, size: int) -> None:
    """Another entry, and the same entry in another place, are not proven by it."""
    number = data.draw(st.integers(0, size - 1))
    other = data.draw(st.integers(-2, size + 2).filter(lambda other: other != number))
    tree = tree_of(entries(size), audit_ranges(number, size))
    path = [tree.hash_of(each) for each in audit_ranges(number, size)]
    hashed = leaf_hash(entries(size)[number])
    assert root_of_path(leaf_hash(b"another"), number, size, path) != tree.root()
    with contextlib.suppress(ValueError):
        assert root_of_path(hashed, other, size, path) != tree.root()


@given(st.data())
def test_no_other_tree_has_the_proof(data: st.DataObject) -> None:
    """A tree in which an old entry was changed is not consistent, whatever the proof."""
    size = data.draw(st.integers(2, 300))
    old = data.draw(st.integers(1, size - 1))
    whole = entries(size)
    forged = list(whole)
    forged[data.draw(st.integers(0, old - 1))] = b"forged"
    ranges = consistency_ranges(old, size)
    tree = tree_of(forged, ranges)
    proof = [tree.hash_of(each) for each in ranges]
    assert not is_consistent(old, mth(whole[:old]), size, tree.root(), proof)
    assert is_consistent(old, mth(forged[:old]), size, tree.root(), proof)
    assert not is_consistent(old, mth(forged[:old]), size, tree.root(), proof[:-1])
    assert not is_consistent(old, mth(forged[:old]), size, tree.root(), [*proof, EMPTY])
    assert not is_consistent(old + 1, mth(forged[:old]), size, tree.root(), proof)


def test_little_is_kept() -> None:
    """The memory of a tree grows with the logarithm of its size."""
    tree = tree_of(entries(4095))
    assert len(tree._peaks) == 12
    assert not tree._known


def test_a_hash_that_was_not_wanted_is_not_invented() -> None:
    """What was read past cannot be asked for later."""
    with pytest.raises(ValueError, match="was not kept"):
        tree_of(entries(8)).hash_of((2, 4))


def test_the_entry_of_an_event_is_pinned() -> None:
    """Position, run and hash, in a form that holds for ever."""
    event = StoredEvent(
        run_id="run-é",
        version=3,
        type="run.started",
        schema=1,
        data=b"{}",
        recorded_at=datetime(2026, 1, 1, tzinfo=UTC),
        actor=None,
        op_id="op",
        hash=b"\xab" * 32,
        position=258,
    )
    run_id = "run-é".encode()
    expected = b"\0\0\0\0\0\0\1\2" + b"\0\0\0\6" + run_id + b"\xab" * 32
    assert merkle.entry(event) == expected
