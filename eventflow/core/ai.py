"""What calls of models use up, as data and as sums; it knows no model, no price and no provider."""

from collections.abc import Mapping
from decimal import Context, Decimal
from enum import StrEnum

from attrs import field

from eventflow.core.frozen import frozen

NOTHING = Decimal(0)

_EXACT = Context(prec=60, traps=[])
"""Sums are exact up to sixty digits, whatever the application does to the context of its thread."""


class AICallKind(StrEnum):
    """What was asked of a model, or how the log came to know of it."""

    TEXT = "text"
    OBJECT = "object"
    EMBEDDING = "embedding"
    STREAM = "stream"
    BATCH = "batch"
    RECORDED = "recorded"


class PromptPolicy(StrEnum):
    """What the log keeps of prompts and responses: all of it, a digest, or nothing."""

    FULL = "full"
    HASH = "hash"
    NONE = "none"


@frozen
class Tokens:
    """Tokens as the provider counted them.

    Attributes:
        input: All tokens of the prompt, cached ones included.
        output: All tokens of the response, reasoning included.
        cache_read: Those of the input that came out of a cache.
        cache_write: Those of the input that were written to a cache.
        reasoning: Those of the output that were spent on thinking.
    """

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0

    def __add__(self, other: "Tokens") -> "Tokens":
        """Add up two counts."""
        return Tokens(
            self.input + other.input,
            self.output + other.output,
            self.cache_read + other.cache_read,
            self.cache_write + other.cache_write,
            self.reasoning + other.reasoning,
        )


@frozen
class AIUse:
    """What some calls came to.

    Attributes:
        calls: How many there were.
        failed: How many of them failed.
        unpriced: How many used something whose price is unknown; `cost` leaves them out.
        tokens: What they used, as far as it is known.
        cost: What they cost in US dollars, exactly.
    """

    calls: int = 0
    failed: int = 0
    unpriced: int = 0
    tokens: Tokens = Tokens()
    cost: Decimal = NOTHING

    def __add__(self, other: "AIUse") -> "AIUse":
        """Add up what two sets of calls came to."""
        return AIUse(
            self.calls + other.calls,
            self.failed + other.failed,
            self.unpriced + other.unpriced,
            self.tokens + other.tokens,
            _EXACT.add(self.cost, other.cost),
        )


NO_USE = AIUse()


@frozen
class AITotals:
    """What the calls of a run came to, and those of each of its stages.

    Calls that no stage made count in `total` alone.
    """

    total: AIUse = NO_USE
    stages: Mapping[str, AIUse] = field(factory=dict)

    def plus(self, stage: str | None, use: AIUse) -> "AITotals":
        """Count one call more."""
        if stage is None:
            return AITotals(self.total + use, self.stages)
        of_stage = self.stages.get(stage, NO_USE) + use
        return AITotals(self.total + use, {**self.stages, stage: of_stage})


@frozen
class AISummary:
    """What the calls of a run came to, as far as its row tells: all of them, and what counts."""

    spent: AIUse
    effective: AIUse
