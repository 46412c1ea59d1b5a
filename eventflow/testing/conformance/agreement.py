"""A store that gets the same random script as the model gives the same answers."""

import asyncio
from collections.abc import Sequence

from hypothesis import HealthCheck, given, settings

from eventflow.store.contract import Store
from eventflow.store.memory import MemoryStore
from eventflow.testing.conformance.play import Play
from eventflow.testing.conformance.script import Step, scripts
from eventflow.testing.conformance.support import OpenStore, opened


class AgreementConformance:
    """A store and the model of all stores cannot be told apart by any script.

    A subclass gives the fixture `open_empty`, which opens a store without data at each call.
    """

    @settings(
        deadline=None,
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.differing_executors,
            HealthCheck.too_slow,
        ],
    )
    @given(script=scripts())
    def test_agrees_with_the_model(self, open_empty: OpenStore, script: tuple[Step, ...]) -> None:
        """Every answer is that of the memory store."""

        async def compare() -> None:
            async with opened(open_empty) as store:
                await assert_agree(MemoryStore(), store, script)

        asyncio.run(compare())


async def assert_agree(model: Store, store: Store, script: Sequence[Step]) -> None:
    """Play a script on two empty stores, and compare every answer and what is left behind."""
    play = Play(model, {"the store": store})
    for step in script:
        await play.step(step)
    await play.compare_everything()
