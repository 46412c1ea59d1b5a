"""Which blobs an event refers to; what a reference stands for is never looked at here.

In the fields that `VALUES` names, the JSON object `{"$blob": "sha256:...", "size": n}` is a
reference and nothing else: a value of a user that holds such an object is kept as a blob itself.
"""

import json
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from eventflow.core import events as e
from eventflow.core.frozen import frozen
from eventflow.core.values import JSON

BLOB = "$blob"
SIZE = "size"

VALUES: Mapping[type[object], tuple[str, ...]] = MappingProxyType(
    {
        e.RunCreated: ("input", "carried"),
        e.RunRewound: ("input",),
        e.RunCompleted: ("output",),
        e.StageCompleted: ("output",),
        e.StepCompleted: ("output",),
        e.StageSuspended: ("state", "output"),
        e.SignalReceived: ("payload",),
        e.ResultDiscarded: ("result",),
        e.AICalled: ("prompt", "response"),
    }
)
"""The fields that hold values of users, in which a reference may stand for a large one."""

_KEY = re.compile(r"sha256:[0-9a-f]{64}")


@frozen
class Reference:
    """A blob that is referred to: its key, `sha256:` and 64 hexadecimal digits, and its size."""

    key: str
    size: int

    def as_json(self) -> JSON:
        """Write it as it stands in an event."""
        return {BLOB: self.key, SIZE: self.size}


def is_key(text: object) -> bool:
    """Tell whether a text can be the key of a blob."""
    return isinstance(text, str) and _KEY.fullmatch(text) is not None


def as_reference(value: JSON) -> Reference | None:
    """Read a value that is a reference as a whole; None for any other."""
    if type(value) is not dict or len(value) != 2 or BLOB not in value:  # noqa: PLR2004 - both keys
        return None
    key, size = value[BLOB], value.get(SIZE)
    return Reference(key, size) if is_key(key) and type(size) is int and size >= 0 else None


def references_in(value: JSON) -> Iterator[Reference]:
    """Find the references in a value, at any depth."""
    if isinstance(value, dict):
        found = as_reference(value)
        if found is not None:
            yield found
        else:
            for each in value.values():
                yield from references_in(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from references_in(each)


def references(event: e.Event) -> tuple[Reference, ...]:
    """List the blobs that an event needs, each once, in their order.

    Of an event that this release does not know, it lists whatever looks like a reference.
    """
    match event:
        case e.UnknownEvent(data=data):
            found = references_in(_decoded(data))
        case e.RunCreated():
            found = iter([*_in_values(event), *_of_artifacts(event)])
        case e.ArtifactSaved(blob=key, size=size):
            found = iter([Reference(key, size)])
        case _:
            found = _in_values(event)
    return tuple(dict.fromkeys(found))


def _in_values(event: e.Event) -> Iterator[Reference]:
    for name in VALUES.get(type(event), ()):
        yield from references_in(getattr(event, name))


def _of_artifacts(event: e.RunCreated) -> Iterator[Reference]:
    for artifact in event.artifacts:
        yield Reference(artifact.blob, artifact.size)


def _decoded(data: bytes) -> JSON:
    try:
        value: JSON = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value
