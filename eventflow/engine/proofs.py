"""Proofs that runs are in a log of which there is a checkpoint; checking one needs no store."""

from collections.abc import Mapping

from eventflow.engine.checkpoints import Checkpoint, roots_of
from eventflow.engine.history_lines import ProofLine
from eventflow.engine.own_runs import asked_for
from eventflow.engine.paging import pages_of, with_histories
from eventflow.engine.walking import Walk, newest_position
from eventflow.errors import HistoryAltered, InvalidCheckpoint
from eventflow.store.contract import RunQuery, Store, StoredEvent
from eventflow.store.merkle import audit_ranges, entry_at, leaf_hash, root_of_path


async def make_proofs(
    store: Store, query: RunQuery, checkpoint: Checkpoint
) -> Mapping[str, ProofLine]:
    """Make the proof of each run that answers a query, by run id; it reads and proves the log.

    What is proven of a run is its last event within the checkpoint: the hash of that one covers
    all events before it. Memory grows with the number of runs.

    Raises:
        CheckpointMismatch: The log is not the one of the checkpoint.
        HistoryAltered: An event of the log is not genuine.
        InvalidCheckpoint: A run began behind the checkpoint.
    """
    size = checkpoint.size
    lasts = await _last_events(store, query, size)
    wanted = {each for _, at in lasts.values() for each in audit_ranges(at - 1, size)}
    marks = roots_of(checkpoint, await newest_position(store))
    tree = await Walk(store, size, marks=marks, wanted=wanted).to_the_end()
    return {
        run_id: ProofLine(
            run_id,
            version,
            position,
            tuple(tree.hash_of(each).hex() for each in audit_ranges(position - 1, size)),
        )
        for run_id, (version, position) in lasts.items()
    }


def check_proof(proof: ProofLine, event: StoredEvent, checkpoint: Checkpoint) -> None:
    """See that a proof leads from an event to the root of a checkpoint.

    Raises:
        HistoryAltered: It does not: the event is not the one that stood there in the log.
    """
    hashed = leaf_hash(entry_at(proof.position, event))
    path = [bytes.fromhex(each) for each in proof.path]
    try:
        root = root_of_path(hashed, proof.position - 1, checkpoint.size, path)
    except ValueError:
        root = b""
    if root.hex() != checkpoint.root:
        raise HistoryAltered(
            event.run_id,
            event.version,
            f"it did not stand at position {proof.position} of the log of the checkpoint",
        )


async def _last_events(store: Store, query: RunQuery, size: int) -> dict[str, tuple[int, int]]:
    """Find the version and position of the last event of each run up to a position."""
    found: dict[str, tuple[int, int]] = {}
    async for rows in pages_of(store, query):
        async for run, events in with_histories(store, asked_for(query, rows)):
            within = [event for event in events if event.position <= size]
            if not within:
                raise InvalidCheckpoint(
                    f"Run {run.run.run_id} began behind the checkpoint of {size} events, which "
                    "proves nothing of it; make a new one with runtime.checkpoint()"
                )
            found[run.run.run_id] = within[-1].version, within[-1].position
    return found
