"""What the calls of a run came to: a fold over its `ai.called` events, and nothing beside them.

The laws of the fold:

1. `spent` counts every call that was ever recorded. A rewind never lessens it: `run.rewound`
   carries it, as it carries plan, config and input.
2. `effective` counts the calls of the effective history: a rewind takes back those behind its cut.
3. A run that calls no model pays nothing for either.
"""

from eventflow.core import events as e
from eventflow.core.ai import NOTHING, AISummary, AITotals, AIUse, Tokens
from eventflow.core.frozen import frozen

NO_TOTALS = AITotals()


@frozen
class Mark:
    """What counted before the first call behind a version at which a rewind may cut."""

    version: int
    before: AITotals


@frozen
class AISpending:
    """What the calls of a run came to.

    Attributes:
        spent: All calls, whatever became of their results.
        effective: Those that still count.
        marks: What counted earlier, for rewinds to go back to; oldest first.
    """

    spent: AITotals = NO_TOTALS
    effective: AITotals = NO_TOTALS
    marks: tuple[Mark, ...] = ()


NO_SPENDING = AISpending()


def use_of(call: e.AICalled) -> AIUse:
    """Give what one call came to.

    A call that failed without using a token has no price to be known.
    """
    used = call.tokens is not None or call.error is None
    return AIUse(
        calls=1,
        failed=0 if call.error is None else 1,
        unpriced=1 if used and call.cost is None else 0,
        tokens=call.tokens or Tokens(),
        cost=NOTHING if call.cost is None else call.cost,
    )


def called(spending: AISpending, call: e.AICalled, boundary: int) -> AISpending:
    """Count a call.

    Args:
        spending: What was counted before.
        call: The call.
        boundary: The last version so far that a rewind may cut off: that of the last stage that
            was scheduled, or of the end of the run.
    """
    use = use_of(call)
    marks = spending.marks
    if not marks or marks[-1].version < boundary:
        marks = (*marks, Mark(boundary, spending.effective))
    return AISpending(
        spending.spent.plus(call.stage, use), spending.effective.plus(call.stage, use), marks
    )


def rewound(spending: AISpending, event: e.RunRewound) -> AISpending:
    """Take back what a rewind cuts off, and keep what it has cost."""
    spent = spending.spent if event.spent is None else event.spent
    beyond = [mark for mark in spending.marks if mark.version > event.cut]
    if not beyond:
        return AISpending(spent, spending.effective, spending.marks)
    kept = spending.marks[: -len(beyond)]
    return AISpending(spent, beyond[0].before, kept)


def summary(spending: AISpending) -> AISummary | None:
    """Give what the row of a run tells; None for a run without calls."""
    if not spending.spent.total.calls:
        return None
    return AISummary(spending.spent.total, spending.effective.total)
