"""Appends a batch of operations in one transaction, with one verdict each.

Nearly always all of them can be appended, so this is tried first: the guards of the log refuse the
batch as a whole if one cannot. Only then all heads are read, the verdicts are decided in order, and
what was accepted is written.
"""

import sqlite3
from collections.abc import Sequence

from attrs import frozen

from eventflow.store.contract import Appended, Conflict, DuplicateKey, Operation, Verdict
from eventflow_sqlite.chosen import select_in
from eventflow_sqlite.write import Batch, laid_out, write


@frozen
class Outcome:
    """What became of a batch: the verdicts, and the newest position of the store."""

    verdicts: list[Verdict]
    newest: int


def append(
    connection: sqlite3.Connection, operations: Sequence[Operation], batch: Batch
) -> Outcome:
    """Append operations, and what was laid out of them, inside a transaction, in order."""
    try:
        write(connection, batch)
    except sqlite3.IntegrityError:
        return _append_accepted(connection, operations)
    newest = newest_position(connection)
    return Outcome(_all_appended(operations, newest), newest)


def _all_appended(operations: Sequence[Operation], newest: int) -> list[Verdict]:
    position = newest - sum(len(operation.events) for operation in operations)
    verdicts: list[Verdict] = []
    for operation in operations:
        events = len(operation.events)
        position += events
        verdicts.append(Appended(operation.expected + events, position))
    return verdicts


def _append_accepted(connection: sqlite3.Connection, operations: Sequence[Operation]) -> Outcome:
    decisions = _Decisions(connection, operations)
    verdicts = [decisions.decide(operation) for operation in operations]
    write(connection, laid_out(decisions.accepted))
    return Outcome(verdicts, decisions.position)


def newest_position(connection: sqlite3.Connection) -> int:
    """Tell the position of the last event of the store, 0 if there is none."""
    ((position,),) = connection.execute("SELECT max(position) FROM events").fetchall()
    return position or 0


class _Decisions:
    """The heads and keys that a batch is decided on, as they are after each operation of it."""

    def __init__(self, connection: sqlite3.Connection, operations: Sequence[Operation]) -> None:
        self._connection = connection
        self._heads = _heads(connection, {operation.run_id for operation in operations})
        self._owners = _owners(
            connection, {op.idempotency_key for op in operations if op.idempotency_key is not None}
        )
        self._appended: dict[tuple[str, str, int], Appended] = {}
        self.position = newest_position(connection)
        self.accepted: list[Operation] = []

    def decide(self, operation: Operation) -> Verdict:
        """Give the verdict on one operation, and note it if it is to be appended."""
        version = self._heads.get(operation.run_id, 0)
        owner = None
        if operation.idempotency_key is not None:
            owner = self._owners.get(operation.idempotency_key)
        if version == operation.expected and owner is None:
            return self._accept(operation)
        before = self._appended_before(operation, version)
        if before is not None:
            return before
        return Conflict(version) if owner is None else DuplicateKey(owner)

    def _accept(self, operation: Operation) -> Appended:
        self.position += len(operation.events)
        verdict = Appended(operation.expected + len(operation.events), self.position)
        self._heads[operation.run_id] = verdict.version
        if operation.idempotency_key is not None:
            self._owners[operation.idempotency_key] = operation.run_id
        self._appended[_identity(operation)] = verdict
        self.accepted.append(operation)
        return verdict

    def _appended_before(self, operation: Operation, version: int) -> Appended | None:
        """Give the first answer again, to an operation that was appended before."""
        if version <= operation.expected:
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


def _heads(connection: sqlite3.Connection, run_ids: set[str]) -> dict[str, int]:
    return dict(
        select_in(connection, "SELECT run_id, version FROM runs WHERE run_id IN ({})", run_ids)
    )


def _owners(connection: sqlite3.Connection, keys: set[str]) -> dict[str, str]:
    return dict(select_in(connection, "SELECT key, run_id FROM keys WHERE key IN ({})", keys))
