"""What is asked of a model, as the caller gave it; it is plain data that needs no library."""

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen


@frozen
class Question:
    """A prompt and how to answer it; the arguments of `AIHelper.generate_text`."""

    model: Any
    prompt: Any
    temperature: float | None
    max_tokens: int | None
    instructions: str | None
    history: Sequence[Any]
    settings: Mapping[str, Any]
