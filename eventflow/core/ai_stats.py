"""Statistics of calls of models: a fold over histories, by topic and by model; it keeps nothing."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from attrs import field

from eventflow.core import events as e
from eventflow.core.ai import NO_USE, AISummary, AIUse, Tokens
from eventflow.core.frozen import frozen
from eventflow.core.spending import use_of
from eventflow.core.state import effective

SEPARATOR = "."
NOTHING_USED = AISummary(NO_USE, NO_USE)


@frozen
class AIStats:
    """What some calls came to; `calls`, `tokens` and `cost` are those of all that was spent.

    Attributes:
        spent: All calls, whatever became of their results.
        effective: Those that still count: no rewind has cut them.
        models: The same by model, as the callers named it.
        topics: The same by topic.
    """

    spent: AIUse = NO_USE
    effective: AIUse = NO_USE
    models: Mapping[str, AISummary] = field(factory=dict)
    topics: Mapping[str, AISummary] = field(factory=dict)

    @property
    def calls(self) -> int:
        """How many calls there were."""
        return self.spent.calls

    @property
    def tokens(self) -> Tokens:
        """What they used, as far as it is known."""
        return self.spent.tokens

    @property
    def cost(self) -> Decimal:
        """What they cost in US dollars; `spent.unpriced` calls are left out."""
        return self.spent.cost


def segment(text: str) -> str:
    """Write any text as one segment of a topic, so that an id with a dot is not two of them."""
    return text.replace("%", "%25").replace(SEPARATOR, "%2E")


def stage_topic(run_id: str, stage: str) -> str:
    """Give the topic of the calls that a stage makes."""
    return SEPARATOR.join(("workflow", segment(run_id), "stage", segment(stage)))


def is_within(topic: str, path: str) -> bool:
    """Tell whether a topic is a path or lies below it: `a.b` is within `a`, and `ab` is not."""
    return topic == path or topic.startswith(path + SEPARATOR)


class Tally:
    """Adds up the calls of several runs, as far as they are asked for."""

    def __init__(self, topic: str | None = None, stage: str | None = None) -> None:
        self._topic = topic
        self._stage = stage
        self._total = NOTHING_USED
        self._models: dict[str, AISummary] = {}
        self._topics: dict[str, AISummary] = {}

    def add(self, history: Sequence[e.Fact]) -> None:
        """Count the calls of one run."""
        counted = {fact.version for fact in effective(history)}
        for fact in history:
            call = fact.event
            if isinstance(call, e.AICalled) and self._is_asked_for(call):
                self._count(call, counts=fact.version in counted)

    def stats(self) -> AIStats:
        """Give what was counted so far."""
        return AIStats(
            self._total.spent, self._total.effective, dict(self._models), dict(self._topics)
        )

    def _is_asked_for(self, call: e.AICalled) -> bool:
        wanted = self._stage is None or call.stage == self._stage
        return wanted and (self._topic is None or is_within(call.topic, self._topic))

    def _count(self, call: e.AICalled, *, counts: bool) -> None:
        use = use_of(call)
        self._total = _plus(self._total, use, counts=counts)
        for sums, key in ((self._models, call.requested_model), (self._topics, call.topic)):
            sums[key] = _plus(sums.get(key, NOTHING_USED), use, counts=counts)


def _plus(summary: AISummary, use: AIUse, *, counts: bool) -> AISummary:
    return AISummary(summary.spent + use, summary.effective + use if counts else summary.effective)
