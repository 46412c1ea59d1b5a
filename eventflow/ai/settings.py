"""The settings of a runtime's calls of models, of which everything that calls them is made."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from attrs import frozen

from eventflow.ai.choices import Choices
from eventflow.ai.desk import Desk
from eventflow.ai.opened import OpenedAI


@frozen(kw_only=True)
class AISettings(Choices):
    """How the models of a runtime are called: `Runtime(ai=AISettings(...))`.

    Attributes:
        policy: What is kept of prompts and responses: `full`, `hash` or `none`. Only calls that
            are kept in full can be replayed.
        prices: Prices of one's own, by the name of a model as it is asked for, or as the provider
            names it. They go before those of `genai-prices`.
        models: Names of one's own: each stands for another name, or is a model object.
        providers: Where providers are reached, by the part of a name before the colon. A provider
            that the library does not know speaks the OpenAI protocol.
        text_model: What a model of None means, for texts and objects.
        embedding_model: What a model of None means, for embeddings.
        secrets: Further texts that must never reach an event, a log or an error.
    """

    def open(self, now: Callable[[], datetime], loop: asyncio.AbstractEventLoop) -> OpenedAI:
        """Make what calls models for one runtime; `now` tells the time."""
        return OpenedAI(Desk(self, now, loop))
