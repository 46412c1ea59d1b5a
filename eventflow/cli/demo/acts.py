"""The acts of the demonstration, one after the other; each shows what it did."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from attrs import frozen
from rich.text import Text

from eventflow.cli.demo.workflow import Order, orders
from eventflow.cli.draw.console import console
from eventflow.cli.draw.history import draw_event
from eventflow.cli.draw.live import draw_live
from eventflow.cli.draw.run import draw_run
from eventflow.cli.draw.runs import draw_runs
from eventflow.cli.looking import following, look
from eventflow.cli.session import Place
from eventflow.cli.wording import value
from eventflow.runtime.run import Run
from eventflow.store.contract import RunQuery

ORDERS: Sequence[Order] = (
    Order("grace", ["scones"]),
    Order("alan", ["milk", "honey"]),
    Order("ada", ["tea", "cups", "biscuits"]),
)
_PAUSE = 0.1
_ACTOR = "demo"
_APP = "eventflow.cli.demo.workflow:orders"


@frozen
class Stage:
    """What the acts share: the place, and whether it can be drawn on again and again."""

    place: Place
    live: bool

    async def play(self) -> None:
        """Play all acts."""
        async with _worker(self.place):
            runs = await self._create()
            await self._watch(runs[-1])
            for run in runs:
                await run.result(60)
            await self._list()
            await self._rerun(runs[-1])
        await self._prove(runs)

    async def _create(self) -> list[Run]:
        title("Three orders, and a worker in this process")
        return [
            await self.place.runtime.create_run(
                orders.id, order, metadata={"customer": order.customer}, actor=_ACTOR
            )
            for order in ORDERS
        ]

    async def _watch(self, run: Run) -> None:
        """Show a run while it goes on, or when it has ended."""
        shown = await look(self.place, run.id)
        if self.live:
            await draw_live(following(self.place, run.id, _PAUSE), self.place.now, shown)
            return
        await run.result(60)
        draw_run(await look(self.place, run.id), self.place.now())

    async def _list(self) -> None:
        title("All three", "eventflow run list")
        page = await self.place.store.runs(RunQuery(run_ids=None, workflow_id=orders.id, limit=3))
        draw_runs(page.items, self.place.now())

    async def _rerun(self, run: Run) -> None:
        config = {"pack": {"gift_wrap": True}}
        title(
            "The last one again from its parcel, in gift wrap; what came before is kept",
            f"eventflow run rerun {run.id} --from pack --config '{value(config)}' --app {_APP}",
        )
        await run.rerun_from("pack", config=config, reason="a present", actor=_ACTOR)
        await self._watch(run)

    async def _prove(self, runs: Sequence[Run]) -> None:
        title("Nothing was overwritten", f"eventflow run history {runs[-1].id}")
        screen = console()
        history = await runs[-1].history()
        kept = {each.version for each in await runs[-1].history(effective=True)}
        for envelope in history:
            if envelope.type in {"run.completed", "run.rewound", "stage.attempt_failed"}:
                draw_event(screen, envelope, cut=envelope.version not in kept)
        events = sum([(await run.verify()).events for run in runs])
        screen.print(f"\nThe hash chains of all {events} events fit.")


@asynccontextmanager
async def _worker(place: Place) -> AsyncGenerator[None]:
    await place.runtime.start()
    try:
        yield
    finally:
        await place.runtime.stop(grace=1.0)


def title(text: str, command: str | None = None) -> None:
    """Begin an act, with the command that shows the same."""
    screen = console()
    screen.print()
    screen.print(Text(text, style="bold"))
    if command is not None:
        screen.print(Text(f"$ {command}", style="dim"), overflow="fold")
    screen.print()
