"""Recorded answers, given again to the same calls in the order of the log; no network, no store."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from attrs import evolve

from eventflow.ai.choices import Choices
from eventflow.ai.desk import Connections, Desk
from eventflow.ai.helper import Helper
from eventflow.ai.lazy import part
from eventflow.ai.ledger import digest
from eventflow.ai.opened import OpenedAI
from eventflow.ai.redaction import Redactor
from eventflow.core import events as e
from eventflow.core.ai import PromptPolicy
from eventflow.core.ai_stats import AIStats, Tally
from eventflow.core.references import references
from eventflow.core.values import JSON
from eventflow.errors import CallNotRecorded
from eventflow.runtime.ai import Load

NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)

DEFAULT = "default"
"""What a model of None is called here, where there are no settings that name one."""


class Recordings:
    """The answers of a history; each is given once, to the call that asked for it."""

    def __init__(self, history: Iterable[e.Fact], load: Load | None) -> None:
        self._load = load
        self._calls: defaultdict[str, deque[e.AICalled]] = defaultdict(deque)
        self._seen: dict[str, int] = {}
        self._models: dict[str, None] = {}
        self._batches: defaultdict[str, list[e.AICalled]] = defaultdict(list)
        self._submitted: set[str] = set()
        self._fetched: set[str] = set()
        for fact in history:
            if isinstance(fact.event, e.AICalled):
                self._keep(fact.event)

    def _keep(self, call: e.AICalled) -> None:
        self._models[call.requested_model] = None
        if call.batch is None:
            self._calls[call.request_hash].append(call)
        else:
            self._batches[call.batch].append(call)

    def take(self, requested: str, prompt: JSON) -> e.AICalled:
        """Give the next recorded call that asked the same.

        `DEFAULT` stands for the model of the settings of then, whichever that was.

        Raises:
            CallNotRecorded: There is none, or its answer was not kept.
        """
        asked = [*self._models, DEFAULT] if requested == DEFAULT else [requested]
        keys = [digest([each, prompt]) for each in asked]
        known = [each for each in keys if self._calls.get(each)] or [*self._seen.keys() & keys]
        key = (known or keys)[0]
        calls = self._calls[key]
        if not calls:
            raise CallNotRecorded(self._what_there_is(requested, key))
        self._seen[key] = self._seen.get(key, 0) + 1
        return _answered(calls.popleft())

    def submit(self, requested: str, prompts: int) -> e.AICalled:
        """Give the first call of the next recorded batch of a model with so many prompts.

        What its prompts were is not recorded with a batch.

        Raises:
            CallNotRecorded: There is none.
        """
        for name, calls in self._batches.items():
            fits = requested in {DEFAULT, calls[0].requested_model} and len(calls) >= prompts
            if fits and name not in self._submitted:
                self._submitted.add(name)
                return calls[0]
        raise CallNotRecorded(
            f"The history holds no further batch of {requested} with {prompts} prompts "
            f"({len(self._batches)} in all)"
        )

    def fetch(self, batch: str, prompts: int) -> list[e.AICalled]:
        """Give what was recorded of a batch, in the order of its prompts.

        Raises:
            CallNotRecorded: Nothing was, or the answers were not kept.
        """
        calls = self._batches.get(batch, [])[:prompts]
        if len(calls) < prompts:
            raise CallNotRecorded(
                f'The history holds {len(calls)} answers of the batch "{batch}", not {prompts}'
            )
        self._fetched.add(batch)
        return [_answered(call) for call in calls]

    async def response(self, call: e.AICalled) -> JSON:
        """Give the answer of a call as it was recorded, also if it is kept outside of the event.

        Raises:
            CallNotRecorded: It is kept outside, and nothing here can load it.
        """
        if not any(references(evolve(call, prompt=None))):
            return call.response
        if self._load is None:
            raise CallNotRecorded(
                f"The answer of {call.requested_model} is so large that it is kept outside of its "
                "event; give what loads it: replaying(history, load=run.load)"
            )
        return await self._load(call.response)

    @property
    def left(self) -> tuple[e.AICalled, ...]:
        """The recorded calls that nobody asked for yet."""
        batches = [calls for name, calls in self._batches.items() if name not in self._fetched]
        return tuple(call for calls in (*self._calls.values(), *batches) for call in calls)

    def _what_there_is(self, requested: str, key: str) -> str:
        times = self._seen.get(key, 0)
        if times:
            return (
                f"The history holds this call of {requested} {times} times, and it is asked for "
                "once more"
            )
        of_model = sum(call.requested_model == requested for call in self.left)
        return (
            f"The history holds no such call of {requested}: prompt, settings, tools or schema "
            f"differ from all that was recorded ({of_model} calls of this model are left, "
            f"{len(self.left)} in all)"
        )


def _answered(call: e.AICalled) -> e.AICalled:
    """Refuse a call whose answer was not kept."""
    if call.error is None and call.policy is not PromptPolicy.FULL:
        raise CallNotRecorded(
            f"The call of {call.requested_model} was recorded without its answer, under the "
            f'policy "{call.policy}"; only calls under the policy "full" can be replayed'
        )
    return call


class _Nowhere:
    """A recorder that keeps nothing: what is replayed is in the log already."""

    async def ready(self) -> None:
        """Do nothing."""

    async def record(self, call: e.AICalled, *, with_result: bool = False) -> None:
        """Keep nothing."""


class Replay(Helper):
    """A helper that answers from a history.

    Attributes:
        recordings: What is left of it.
    """

    def __init__(self, history: Iterable[e.Fact], topic: str, load: Load | None) -> None:
        facts = list(history)
        self.recordings = Recordings(facts, load)
        recordings = self.recordings

        def connect(_: Choices, __: Redactor) -> Connections:
            made: Connections = part("replay_models").ReplayConnections(recordings)
            return made

        async def stats(topic: str) -> AIStats:
            tally = Tally(topic)
            tally.add(facts)
            return tally.stats()

        self._connect = connect
        desk = Desk(Choices(), lambda: NO_TIME, connect=connect)
        super().__init__(desk, topic, _Nowhere(), stats)

    def open(self, now: Callable[[], datetime], loop: asyncio.AbstractEventLoop) -> OpenedAI:
        """Make what answers the calls of a runtime: `Runtime(ai=replaying(history))`.

        They are recorded there like any others.
        """
        return OpenedAI(Desk(Choices(), now, loop, self._connect))


def replaying(
    history: Iterable[e.Fact], topic: str = "replay", *, load: Load | None = None
) -> Replay:
    """Give a helper that answers calls from a recorded history, without a network and without keys.

    A call is the same if model, prompt, settings, tools and schema are; equal calls get their
    answers in the order of the log, failures too. `history` is what `run.history()` gives, or a
    part of it, such as the calls of one attempt. What this gives is a helper, and also settings:
    `Runtime(ai=replaying(history))` answers all stages from it.

    Answers that are too large for an event need `load`, which reads them: `run.load`.

    Its calls raise `CallNotRecorded` for what the history does not hold, or holds without its
    answer.
    """
    return Replay(history, topic, load)
