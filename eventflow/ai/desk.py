"""What the helpers of one runtime share: settings, known keys, prices, time and connections."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

from eventflow.ai.choices import Choices
from eventflow.ai.lazy import part
from eventflow.ai.redaction import Redactor


class Connections(Protocol):
    """Finds model objects by name; nothing is connected before the first call."""

    def model(self, given: Any) -> tuple[str, Any]:  # noqa: ANN401 - a name or a model object
        """Give the name of a model as it was asked for, and the model."""
        ...

    def embedding_model(self, given: Any) -> tuple[str, Any]:  # noqa: ANN401 - as `model`
        """Give the name of an embedding model as it was asked for, and the model."""
        ...

    async def close(self) -> None:
        """Close what calls have opened."""
        ...


class Desk:
    """One for each open runtime.

    Attributes:
        choices: The settings.
        redactor: What hides keys.
        now: Tells the time.
        loop: Where calls are made; None outside of a runtime.
    """

    def __init__(
        self,
        choices: Choices,
        now: Callable[[], datetime],
        loop: asyncio.AbstractEventLoop | None = None,
        connect: Callable[[Choices, Redactor], Connections] | None = None,
    ) -> None:
        self.choices = choices
        self.redactor = Redactor(choices.secrets)
        self.now = now
        self.loop = loop
        self._connect = connect
        self._connections: Connections | None = None
        for endpoint in choices.providers.values():
            self.redactor.learn(endpoint.api_key)
            self.redactor.learn_url(endpoint.base_url)

    @property
    def connections(self) -> Connections:
        """What finds models; it is made when the first is looked for.

        Raises:
            ExtraMissing: The library that calls models is missing.
        """
        if self._connections is None:
            connect = self._connect or part("connections").LibraryConnections
            made: Connections = connect(self.choices, self.redactor)
            self._connections = made
        return self._connections

    async def close(self) -> None:
        """Close what calls have opened."""
        connections, self._connections = self._connections, None
        if connections is not None:
            await connections.close()
