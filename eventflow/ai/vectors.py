"""Vectors as the log keeps them: packed, in the smallest form that loses nothing."""

import struct
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any

from eventflow.core.values import JSON

FORMS = {"float32": "f", "float64": "d"}
"""Providers mostly compute with the first; the other holds any number of Python."""


def packed(vectors: Sequence[Sequence[float]]) -> JSON:
    """Write vectors as base64 of little-endian numbers, each as `float32` if that is exact."""
    return [_packed(vector) for vector in vectors]


def unpacked(recorded: Any) -> list[list[float]]:  # noqa: ANN401 - plain data of the log
    """Read vectors as they were.

    Raises:
        ValueError: This is not what `packed` gives.
    """
    try:
        return [_unpacked(form, data) for each in recorded for form, data in each.items()]
    except (AttributeError, KeyError, TypeError, struct.error) as error:
        raise ValueError(f"these are no packed vectors: {error}") from error


def _packed(vector: Sequence[float]) -> JSON:
    for form, code in FORMS.items():
        layout = struct.Struct(f"<{len(vector)}{code}")
        try:
            data = layout.pack(*vector)
        except OverflowError:  # too large for a float32
            continue
        if form == "float64" or layout.unpack(data) == tuple(vector):
            return {form: b64encode(data).decode()}
    raise AssertionError("the last form holds every number")


def _unpacked(form: str, data: str) -> list[float]:
    content = b64decode(data, validate=True)
    code = FORMS[form]
    return list(struct.unpack(f"<{len(content) // struct.calcsize(code)}{code}", content))
