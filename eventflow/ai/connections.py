"""From the name of a model to the model object of the library; it connects to nothing by itself."""

from typing import Any
from urllib.parse import urlsplit

from pydantic_ai.embeddings import EmbeddingModel, infer_embedding_model
from pydantic_ai.embeddings.openai import OpenAIEmbeddingModel
from pydantic_ai.exceptions import UserError
from pydantic_ai.models import Model, infer_model
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers import Provider, infer_provider, infer_provider_class
from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

from eventflow.ai.choices import Choices
from eventflow.ai.lazy import not_installed
from eventflow.ai.redaction import Redactor
from eventflow.errors import InvalidSettings

LONGEST_CHAIN = 8
"""So many names may stand for each other."""


class LibraryConnections:
    """Makes each model once, and closes what they have opened."""

    def __init__(self, choices: Choices, redactor: Redactor) -> None:
        self._choices = choices
        self._redactor = redactor
        self._models: dict[str, Model] = {}
        self._embedding_models: dict[str, EmbeddingModel] = {}
        self._providers: dict[str, Provider[Any]] = {}

    def model(self, given: Any) -> tuple[str, Model]:  # noqa: ANN401 - a name or a model object
        """Give the name of a model as it was asked for, and the model.

        Raises:
            ExtraMissing: The client of its provider is missing.
            InvalidSettings: There is no such model or provider, or its key is missing.
        """
        asked, found = self._find(given, self._choices.text_model)
        if isinstance(found, Model):
            self._learn(found)
            return asked or found.model_id, found
        if found not in self._models:
            self._models[found] = self._made(found, self._model)
        return asked, self._models[found]

    def embedding_model(self, given: Any) -> tuple[str, EmbeddingModel]:  # noqa: ANN401 - as `model`
        """Give the name of an embedding model as it was asked for, and the model.

        Raises:
            ExtraMissing, InvalidSettings: As `model`.
        """
        asked, found = self._find(given, self._choices.embedding_model)
        if isinstance(found, EmbeddingModel):
            self._learn(found)
            return asked or f"{found.system}:{found.model_name}", found
        if found not in self._embedding_models:
            self._embedding_models[found] = self._made(found, self._embedding_model)
        return asked, self._embedding_models[found]

    async def close(self) -> None:
        """Close the connections that calls have opened."""
        for provider in self._providers.values():
            async with provider:  # whoever leaves it last closes its client
                pass

    def _find(self, given: Any, default: str | None) -> tuple[str, Any]:  # noqa: ANN401 - as `model`
        """Follow the names of the settings to a name of the library, or to a model object."""
        given = default if given is None else given
        if given is None:
            raise InvalidSettings(
                "No model is named; name one in the call, or one for all calls in AISettings"
            )
        if not isinstance(given, str | Model | EmbeddingModel):
            raise InvalidSettings(
                f"A model is a name such as openai:gpt-5-mini, or a model object of pydantic_ai, "
                f"not {type(given).__name__}"
            )
        asked = given if isinstance(given, str) else ""
        for _ in range(LONGEST_CHAIN):
            if not isinstance(given, str) or given not in self._choices.models:
                return asked, given
            given = self._choices.models[given]
        raise InvalidSettings(f'The model "{asked}" of AISettings(models=) stands for itself')

    def _made(self, name: str, make: Any) -> Any:  # noqa: ANN401 - one of the two makers below
        try:
            made = make(name)
        except ImportError as error:
            raise not_installed(error) from None
        except (UserError, ValueError) as error:
            raise InvalidSettings(f"{self._redactor.text(str(error))}{_advice(error)}") from None
        self._learn(made)
        return made

    def _model(self, name: str) -> Model:
        prefix, _, model_name = name.partition(":")
        if prefix in self._choices.providers and not _is_known(prefix):
            return OpenAIChatModel(model_name, provider=self._provider(prefix))
        return infer_model(name, provider_factory=self._provider)

    def _embedding_model(self, name: str) -> EmbeddingModel:
        prefix, _, model_name = name.partition(":")
        if prefix in self._choices.providers and not _is_known(prefix):
            return OpenAIEmbeddingModel(model_name, provider=self._provider(prefix))
        return infer_embedding_model(name, provider_factory=self._provider)

    def _provider(self, name: str) -> Provider[Any]:
        """Make a provider once, for all of its models."""
        if name not in self._providers:
            self._providers[name] = self._new_provider(name)
        return self._providers[name]

    def _new_provider(self, name: str) -> Provider[Any]:
        endpoint = self._choices.providers.get(name)
        if endpoint is None:
            return infer_provider(name)
        url, key = endpoint.base_url, endpoint.api_key
        if not _is_known(name):
            return OpenAICompatibleProvider(name, base_url=url, api_key=key)
        known: Any = infer_provider_class(name)
        return known(base_url=url, **({} if key is None else {"api_key": key}))  # type: ignore[no-any-return]

    def _learn(self, model: Any) -> None:  # noqa: ANN401 - a model of either kind
        """Find the key of a model, so that it is hidden wherever it turns up."""
        provider = getattr(model, "provider", None) or getattr(model, "_provider", None)
        client = getattr(provider, "client", None)
        inner = getattr(client, "_api_client", None)
        for holder in (client, inner):
            key = getattr(holder, "api_key", None)
            self._redactor.learn(key if isinstance(key, str) else None)
        url = getattr(model, "base_url", None)
        if isinstance(url, str) and urlsplit(url).scheme:
            self._redactor.learn_url(url)


def _advice(error: Exception) -> str:
    """Say what to do about a name that the library does not know."""
    if isinstance(error, UserError) and not str(error).startswith("Unknown"):
        return ""
    return (
        "; a model is named as provider:name, such as openai:gpt-5-mini; AISettings(models=) has "
        "names of one's own, and AISettings(providers=) further providers of the OpenAI protocol"
    )


def _is_known(name: str) -> bool:
    try:
        infer_provider_class(name)
    except ValueError:
        return False
    return True
