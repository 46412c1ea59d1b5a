"""Appends operations as another store has them; it never appends one behind a refused one."""

from collections.abc import Iterator, Sequence
from typing import assert_never

from eventflow.engine.copied import another_history
from eventflow.errors import CannotCopy
from eventflow.store.contract import Appended, Conflict, DuplicateKey, Operation, Store


async def append_again(target: Store, operations: Sequence[Operation]) -> None:
    """Append operations in order; those of a run that is new to the target in one transaction.

    Raises:
        CannotCopy: The target has something else in the place of one; what came before it stays.
        StoreUnavailable: The target is away; whether the last ones were appended is unknown.
    """
    for call in _calls(operations):
        await _append(target, call)


def _calls(operations: Sequence[Operation]) -> Iterator[list[Operation]]:
    """Split operations so that none is appended behind a refused one of the same run.

    If somebody else had just written to the run, the first of two would be refused, and the second
    might fit by chance. A run that is created by the same call is nobody else's.
    """
    call: list[Operation] = []
    created: set[str] = set()
    touched: set[str] = set()
    for operation in operations:
        run_id = operation.run_id
        if run_id in touched and run_id not in created:
            yield call
            call, created, touched = [], set(), set()
        call.append(operation)
        touched.add(run_id)
        if operation.expected == 0:
            created.add(run_id)
    if call:
        yield call


async def _append(target: Store, operations: Sequence[Operation]) -> None:
    verdicts = await target.append(operations)
    for operation, verdict in zip(operations, verdicts, strict=True):
        match verdict:
            case Appended():
                pass
            case Conflict():
                raise another_history(operation.run_id, operation.expected + 1)
            case DuplicateKey(owner):
                raise CannotCopy(
                    operation.run_id,
                    operation.expected + 1,
                    f'its idempotency key "{operation.idempotency_key}" belongs to run {owner} '
                    "in the target; copy to an empty store",
                )
            case _:
                assert_never(verdict)
