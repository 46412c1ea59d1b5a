"""What idempotency keys are called in a store: each kind of request has names of its own.

The event keeps a key as the caller gave it, so the name can be derived from the event again.
"""

from eventflow.core.events import Event, RunCreated, RunRewound


def key_of_creation(key: str, forked_from: str | None = None) -> str:
    """Name the key of a new run, which is unique in the store, or that of a fork of a run."""
    return f"create:{key}" if forked_from is None else f"fork:{forked_from}:{key}"


def key_of_rerun(key: str, run_id: str) -> str:
    """Name the key of a rerun, which is unique within its run."""
    return f"rerun:{run_id}:{key}"


def key_of_event(event: Event, run_id: str) -> str | None:
    """Name the key with which an event of a run was appended, if it was given one."""
    match event:
        case RunCreated(idempotency_key=str(key), forked_from=origin):
            return key_of_creation(key, origin.run_id if origin is not None else None)
        case RunRewound(idempotency_key=str(key)):
            return key_of_rerun(key, run_id)
        case _:
            return None
