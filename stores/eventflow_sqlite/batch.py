"""Appends a batch of operations in one transaction, with one verdict each.

All heads are read at once, the verdicts are decided in order, and each table is written once; the
rows of a refused operation never reach the database.
"""

import sqlite3
from collections.abc import Sequence

from attrs import frozen

from eventflow.store.contract import Appended, Conflict, DuplicateKey, Operation, Verdict
from eventflow_sqlite.chosen import select_in
from eventflow_sqlite.write import Accepted, write


@frozen
class Outcome:
    """What became of a batch: the verdicts, and the newest position of the store."""

    verdicts: list[Verdict]
    newest: int


@frozen
class _Head:
    """How far a run has come; `run` is the position of its first event."""

    run: int
    version: int


_NOWHERE = _Head(0, 0)


def append(connection: sqlite3.Connection, operations: Sequence[Operation]) -> Outcome:
    """Append operations inside a transaction, in order."""
    batch = _Batch(connection, operations)
    verdicts = [batch.decide(operation) for operation in operations]
    write(connection, batch.accepted)
    return Outcome(verdicts, batch.position)


def newest_position(connection: sqlite3.Connection) -> int:
    """Tell the position of the last event of the store, 0 if there is none."""
    ((position,),) = connection.execute("SELECT max(position) FROM events").fetchall()
    return position or 0


class _Batch:
    """The heads and keys that a batch is decided on, as they are after each operation of it."""

    def __init__(self, connection: sqlite3.Connection, operations: Sequence[Operation]) -> None:
        self._connection = connection
        self._heads = _heads(connection, {operation.run_id for operation in operations})
        self._owners = _owners(
            connection, {op.idempotency_key for op in operations if op.idempotency_key is not None}
        )
        self._appended: dict[tuple[str, str, int], Appended] = {}
        self.position = newest_position(connection)
        self.accepted: list[Accepted] = []

    def decide(self, operation: Operation) -> Verdict:
        """Give the verdict on one operation, and note it if it is to be appended."""
        head = self._heads.get(operation.run_id, _NOWHERE)
        owner = None
        if operation.idempotency_key is not None:
            owner = self._owners.get(operation.idempotency_key)
        if head.version == operation.expected and owner is None:
            return self._accept(operation, head)
        before = self._appended_before(operation, head)
        if before is not None:
            return before
        return Conflict(head.version) if owner is None else DuplicateKey(owner)

    def _accept(self, operation: Operation, head: _Head) -> Appended:
        first = self.position + 1
        run = head.run or first
        self.position += len(operation.events)
        verdict = Appended(operation.expected + len(operation.events), self.position)
        self._heads[operation.run_id] = _Head(run, verdict.version)
        if operation.idempotency_key is not None:
            self._owners[operation.idempotency_key] = operation.run_id
        self._appended[_identity(operation)] = verdict
        self.accepted.append(Accepted(operation, run, first))
        return verdict

    def _appended_before(self, operation: Operation, head: _Head) -> Appended | None:
        """Give the first answer again, to an operation that was appended before."""
        if head.version <= operation.expected:
            return None
        earlier = self._appended.get(_identity(operation))
        if earlier is not None:
            return earlier
        found = self._connection.execute(
            "SELECT position FROM events WHERE run_id = ? AND version = ? AND op_id = ?",
            (operation.run_id, operation.expected + 1, operation.op_id),
        ).fetchall()
        last = len(operation.events) - 1
        return Appended(operation.expected + 1 + last, found[0][0] + last) if found else None


def _identity(operation: Operation) -> tuple[str, str, int]:
    return operation.op_id, operation.run_id, operation.expected


def _heads(connection: sqlite3.Connection, run_ids: set[str]) -> dict[str, _Head]:
    rows = select_in(
        connection, "SELECT run_id, run, version FROM runs WHERE run_id IN ({})", run_ids
    )
    return {run_id: _Head(run, version) for run_id, run, version in rows}


def _owners(connection: sqlite3.Connection, keys: set[str]) -> dict[str, str]:
    return dict(select_in(connection, "SELECT key, run_id FROM keys WHERE key IN ({})", keys))
