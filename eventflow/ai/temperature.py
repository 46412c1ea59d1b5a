"""Leaves the temperature out where a model takes none: ours is a default, and no reason to warn."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import ModelRequestParameters, StreamedResponse
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import RunContext

TEMPERATURE = "temperature"

REFUSING = frozenset({"anthropic_disallows_sampling_settings", "openai_supports_reasoning"})
"""By these features of its profile a model may take no temperature."""


class FittingModel(WrapperModel):
    """A model that is not told a temperature which it would only ignore, as those that think do."""

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Make a request."""
        return await super().request(
            messages, self._fitting(model_settings), model_request_parameters
        )

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        """Make a request whose answer comes in pieces."""
        async with super().request_stream(
            messages, self._fitting(model_settings), model_request_parameters, run_context
        ) as stream:
            yield stream

    def _fitting(self, settings: ModelSettings | None) -> ModelSettings | None:
        try:
            profile: Mapping[str, Any] = self.profile
        except NotImplementedError:  # of several models, each of which has one
            return settings
        if not settings or takes_temperature(profile, settings):
            return settings
        kept = {name: value for name, value in settings.items() if name != TEMPERATURE}
        return cast("ModelSettings", kept)


def takes_temperature(profile: Mapping[str, Any], settings: Mapping[str, Any]) -> bool:
    """Tell whether a model uses a temperature, by what the library knows of it."""
    if profile.get("anthropic_disallows_sampling_settings"):
        return False
    if not profile.get("openai_supports_reasoning"):
        return True
    if not profile.get("openai_supports_reasoning_effort_none"):
        return False
    effort = settings.get("openai_reasoning_effort", settings.get("thinking"))
    if effort is None:
        return not profile.get("thinking_enabled_by_default")
    return effort in {"none", False}
