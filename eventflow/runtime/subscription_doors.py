"""The doors of a runtime through which events leave it, each to those who have subscribed.

What is behind them is loaded by whoever subscribes.
"""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from eventflow.core.retry import Retry

if TYPE_CHECKING:
    from eventflow.runtime.delivery import Handler
    from eventflow.runtime.subscription_log import DeadLetter
    from eventflow.runtime.subscriptions import Start, Subscription, Subscriptions, Types


class SubscriptionDoors(ABC):
    """What a runtime does for subscribers; it needs nothing else of it."""

    @property
    @abstractmethod
    def _subscriptions(self) -> "Subscriptions":
        """The subscriptions of the runtime, which is open."""

    async def subscribe(
        self,
        name: str,
        handler: "Handler",
        types: "Types" = None,
        *,
        retry: Retry = Retry(),  # noqa: B008 - frozen
        start: "Start" = "beginning",
        batch: int = 100,
    ) -> "Subscription":
        """Deliver the events of the log to a handler, in the order of positions, at least once.

        It goes on where the subscription of this name left off, in whatever process that was.
        Of several processes that subscribe under one name, one delivers at a time; another one
        takes over when it stops, or when its lease is over. Nothing needs to be started for it.

        Args:
            name: Names the durable cursor.
            handler: Is called with one `Envelope` at a time; a plain function runs in a thread.
            types: Deliver only events of these types, such as `"run.completed"`.
            retry: When a failed call is made again; behind the last one the event is set aside as
                a dead letter, and the next ones are delivered.
            start: Where a new subscription begins; one that exists goes on.
            batch: How many events may be delivered again after a crash, at most. The cursor is
                appended so often, and after each second.

        Raises:
            InvalidInput: The name, a type or a number is not what it can be, or this runtime
                subscribes under the name already.
            StoreUnavailable: The store is away.
        """
        return await self._subscriptions.subscribe(
            name, handler, types, retry=retry, start=start, batch=batch
        )

    async def dead_letters(self, name: str, limit: int = 100) -> "list[DeadLetter]":
        """List what a subscription has set aside and not replayed since, the newest first.

        Raises:
            InvalidInput: The limit is less than one.
            SubscriptionNotFound: The store has no such subscription.
        """
        return await self._subscriptions.dead_letters(name, limit)

    async def replay_dead_letter(self, name: str, position: int, actor: str | None = None) -> None:
        """Ask for a dead letter to be delivered once more, by whichever process delivers.

        Raises:
            DeadLetterNotFound: There is none at this position.
            SubscriptionNotFound: The store has no such subscription.
        """
        await self._subscriptions.replay(name, position, actor)
