"""What Hypothesis draws for the core: policies, plans, and plans that a deployment changed."""

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import TypeAlias

import attrs
from hypothesis import strategies as st

from eventflow.core import events as e
from eventflow.core.ai import AICallKind, Tokens
from eventflow.core.plan import Plan, StagePlan
from eventflow.core.retry import Retry, error_names
from tests.core import spec

SIGNALS = ("approval", "payment")
STAGE_IDS = tuple("abcdefghijkl")

Result: TypeAlias = Callable[..., spec.Ask]
"""What a worker comes to, still without its stage and `token`."""

ERRORS = (OSError, ConnectionError, PermissionError, ValueError)

seconds = st.sampled_from([0.0, 0.5, 2.0, 31.0, 61.0, 4_000.0, 90_000.0])


def retries(most: int = 3) -> st.SearchStrategy[Retry]:
    """Draw retry policies of at most so many attempts."""
    return st.builds(
        Retry,
        max_attempts=st.integers(1, most),
        initial=st.sampled_from([0.0, 0.5, 2.0]),
        factor=st.sampled_from([1.0, 2.0, 10.0]),
        max_delay=st.sampled_from([0.0, 3.0, 3600.0]),
        jitter=st.sampled_from([0.0, 0.5, 1.0]),
        retry_on=st.sampled_from([(), (OSError,)]),
        give_up_on=st.sampled_from([(), (PermissionError,)]),
    )


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Draw a plan of one to four groups with one to three stages each."""
    sizes = draw(st.lists(st.integers(1, 3), min_size=1, max_size=4))
    ids = iter(STAGE_IDS)
    groups = tuple(
        tuple(StagePlan(name := next(ids), name, draw(retries())) for _ in range(size))
        for size in sizes
    )
    return Plan("generated", "Generated", groups, "one")


@st.composite
def changed_plans(draw: st.DrawFn, plan: Plan) -> Plan:
    """Draw what a deployment makes of a plan: groups cut off, put in, replaced or reordered."""
    groups = list(plan.groups)
    change = draw(
        st.sampled_from(["none", "policy", "shorten", "replace", "insert", "append", "reorder"])
    )
    where = draw(st.integers(0, len(groups) - 1))
    fresh = (StagePlan(f"new-{where}", "New", draw(retries())),)
    if plan.find(fresh[0].id) is not None:
        change = "none"
    if change == "policy":
        groups[where] = tuple(attrs.evolve(stage, retry=draw(retries())) for stage in groups[where])
    elif change == "shorten":
        groups = groups[: where + 1]
    elif change == "replace":
        groups[where] = fresh
    elif change == "insert":
        groups.insert(where, fresh)
    elif change == "append":
        groups.append(fresh)
    elif change == "reorder":
        groups = draw(st.permutations(groups))
    return Plan(plan.workflow_id, plan.name, tuple(groups), plan.fingerprint + "'")


def calls() -> st.SearchStrategy[e.AICalled]:
    """Draw calls of models: by a stage or by none, paid, unpaid, of unknown price or failed."""
    return st.builds(
        e.AICalled,
        topic=st.sampled_from(["workflow.run-1.stage.a", "workflow.run-1"]),
        kind=st.sampled_from(AICallKind),
        requested_model=st.just("example:model"),
        request_hash=st.just("0" * 64),
        duration=st.just(0.5),
        stage=st.sampled_from([None, *STAGE_IDS[:4]]),
        tokens=st.sampled_from([None, Tokens(input=10, output=5)]),
        cost=st.sampled_from([None, Decimal(0), Decimal("0.1"), Decimal("1e-21")]),
        error=st.sampled_from([None, None, spec.BROKEN]),
    )


def _results(kind: Callable[..., spec.Ask], **values: object) -> st.SearchStrategy[Result]:
    """Draw results of one kind, with these values for its arguments."""
    drawn = {
        name: value if isinstance(value, st.SearchStrategy) else st.just(value)
        for name, value in values.items()
    }
    return st.builds(partial, st.just(kind), **drawn)


completions = _results(spec.complete, output=st.sampled_from([None, 0, "", [], {"x": 1}]))
failures = _results(
    spec.fail,
    random=st.floats(0, 1),
    names=st.sampled_from([None, *map(error_names, ERRORS)]),
    final=st.sampled_from([False, False, False, True]),
)
suspensions = _results(
    spec.suspend,
    check_after=st.sampled_from([None, 0.0, 30.0]),
    max_wait=st.sampled_from([0.0, 40.0, 86_400.0]),
    signal=st.sampled_from([None, *SIGNALS]),
)
releases = _results(spec.release)
steps = _results(
    spec.step,
    name=st.sampled_from(["fetch", "fetch[0]", "store"]),
    output=st.sampled_from([None, 0, "", [], {"x": 1}]),
)
"""What a worker records on its way, in an execution or in a check."""

of_executions = st.one_of(*[completions] * 6, suspensions, suspensions, failures, releases)
"""What an execution may come to; mostly an output, so that runs get far."""

of_checks = st.one_of(
    *[completions] * 4,
    failures,
    releases,
    *[_results(spec.fail_check, random=st.floats(0, 1))] * 2,
    _results(spec.reenter),
    _results(spec.expire_wait),
)
"""What a check may come to."""
