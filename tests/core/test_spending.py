"""What calls of models came to: every cost is kept, and a rewind tells what still counts."""

import decimal
from decimal import Decimal

import attrs
import pytest

from eventflow.core import events as e
from eventflow.core.ai import AICallKind, AISummary, AITotals, AIUse, Tokens
from eventflow.core.projection import project
from eventflow.core.spending import use_of
from tests.core.spec import BROKEN, World, cancel, create, done, given, happens, plan, rewind

CALL = e.AICalled(
    topic="workflow.run-1.stage.a",
    kind=AICallKind.TEXT,
    requested_model="example:model",
    request_hash="0" * 64,
    duration=0.5,
    stage="a",
    tokens=Tokens(input=10, output=5),
    cost=Decimal("0.1"),
)
UNPRICED = attrs.evolve(CALL, cost=None)
OUTSIDE = attrs.evolve(CALL, stage=None)


def spent(world: World) -> AITotals:
    """Give what all calls came to."""
    return world.run.ai.spent


def effective(world: World) -> AITotals:
    """Give what the calls that count came to."""
    return world.run.ai.effective


def called(times: int, cost: str) -> AIUse:
    """Give what so many equal calls come to."""
    tokens = Tokens(input=10 * times, output=5 * times)
    return AIUse(calls=times, tokens=tokens, cost=Decimal(cost))


def test_a_run_without_calls_has_spent_nothing() -> None:
    """There is nothing in its totals, and nothing in its row."""
    world = given(create(plan("a")), *done("a")).world
    assert spent(world) == effective(world) == AITotals()
    assert project(world.run).run.ai is None


def test_calls_add_up_for_the_run_and_for_each_stage() -> None:
    """A call outside of stages counts for the run alone."""
    world = given(create(plan("a")), happens(CALL), happens(CALL), happens(OUTSIDE)).world
    assert spent(world) == AITotals(called(3, "0.3"), {"a": called(2, "0.2")})
    assert project(world.run).run.ai == AISummary(called(3, "0.3"), called(3, "0.3"))


@pytest.mark.parametrize(
    ("call", "failed", "unpriced"),
    [
        (CALL, 0, 0),
        (attrs.evolve(CALL, cost=Decimal(0)), 0, 0),
        (UNPRICED, 0, 1),
        (attrs.evolve(UNPRICED, tokens=None), 0, 1),
        (attrs.evolve(UNPRICED, error=BROKEN), 1, 1),
        (attrs.evolve(UNPRICED, error=BROKEN, tokens=None), 1, 0),
        (attrs.evolve(CALL, error=BROKEN), 1, 0),
    ],
)
def test_an_unknown_price_is_counted_as_such(call: e.AICalled, failed: int, unpriced: int) -> None:
    """Only a call that failed before it used anything has no price to be known."""
    use = use_of(call)
    assert (use.calls, use.failed, use.unpriced) == (1, failed, unpriced)


def test_sums_are_exact_whatever_the_context_of_the_thread() -> None:
    """A tiny cost is not lost beside a large one."""
    tiny = attrs.evolve(CALL, cost=Decimal("1e-30"))
    large = attrs.evolve(CALL, cost=Decimal("1e10"))
    with decimal.localcontext(prec=3):
        world = given(create(plan("a")), happens(large), happens(tiny)).world
    assert spent(world).total.cost == Decimal("10000000000.000000000000000000000000000001")


def test_a_rewind_keeps_what_was_spent_and_tells_what_counts() -> None:
    """The calls of the stages before still count; those that were cut are paid all the same."""
    world = given(
        create(plan("a", "b")),
        happens(CALL),
        *done("a"),
        happens(attrs.evolve(CALL, stage="b")),
        happens(OUTSIDE),
        *done("b"),
        happens(CALL),
        rewind("b"),
    ).world
    assert spent(world) == AITotals(
        called(4, "0.4"), {"a": called(2, "0.2"), "b": called(1, "0.1")}
    )
    assert effective(world) == AITotals(called(1, "0.1"), {"a": called(1, "0.1")})


def test_the_rewind_itself_carries_what_was_spent() -> None:
    """The effective history alone tells what the cut events have cost."""
    rewound = given(create(plan("a")), happens(CALL), cancel(), rewind("a")).world
    (event,) = [f.event for f in rewound.history if isinstance(f.event, e.RunRewound)]
    assert event.spent == AITotals(called(1, "0.1"), {"a": called(1, "0.1")})


def test_a_rewind_without_calls_carries_nothing() -> None:
    """A run that calls no model pays nothing for the totals."""
    rewound = given(create(plan("a")), cancel(), rewind("a")).world
    (event,) = [f.event for f in rewound.history if isinstance(f.event, e.RunRewound)]
    assert event.spent is None


def test_going_back_further_takes_back_more() -> None:
    """Two rewinds, the second before the first, leave what the first groups have used."""
    world = given(
        create(plan("a", "b", "c")),
        happens(CALL),
        *done("a"),
        happens(CALL),
        *done("b"),
        happens(CALL),
        *done("c"),
        rewind("c"),
        happens(CALL),
        cancel(),
        rewind("b"),
    ).world
    assert spent(world).total.calls == 4
    assert effective(world).total.calls == 1
