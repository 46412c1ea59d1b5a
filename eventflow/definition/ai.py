"""What a stage may ask of models: a Protocol, so that no stage depends on the library behind it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Generic, Protocol, Self, TypeVar, overload

from attrs import field

from eventflow.core.ai import Tokens
from eventflow.core.ai_stats import AIStats
from eventflow.core.frozen import frozen
from eventflow.core.values import JSON

T = TypeVar("T")
Tools = Sequence[Callable[..., Any]]
"""Functions that a model may call; their names, docstrings and annotations describe them."""


class Text(str):  # noqa: SLOT000 - it has attributes of its own
    """A text that a model gave: a `str` that also tells how it came about.

    Attributes:
        tokens: What the calls for it used; None if the provider did not say.
        cost: What they cost in US dollars; None if a price is unknown.
        model: The model that answered, as the provider names it.
        finish_reason: Why it ended, such as `stop` or `length`.
        messages: The conversation up to it, for the `history` of a later call.
    """

    tokens: Tokens | None = None
    cost: Decimal | None = None
    model: str | None = None
    finish_reason: str | None = None
    messages: Sequence[Any] = ()


class TextStream(Protocol):
    """The pieces of a text as they come; recorded when it ends, or when it is given up."""

    def __aiter__(self) -> AsyncIterator[str]:
        """Give the pieces, once."""
        ...

    async def __aenter__(self) -> Self:
        """Begin a block that gives the stream up when it is left."""
        ...

    async def __aexit__(self, *_: object) -> None:
        """Give up what has not come yet."""
        ...

    async def aclose(self) -> None:
        """Give up what has not come yet, and record what was used."""
        ...


@frozen
class BatchHandle:
    """A batch that was submitted: plain data, enough to ask for it in another process.

    Attributes:
        id: The provider's id.
        requested: The model as it was asked for.
        provider: Who has it.
        model: The model as the provider names it.
        group: What a client must share with the one that submitted it.
        created_at: When it was submitted, or meant to be if it had to be looked for.
        ids: The ids of its prompts, in the order in which they were submitted.
        key: What the provider's names of its prompts begin with.
        settings: How they are to be answered.
        details: What else the provider needs to be told.
    """

    id: str
    requested: str
    provider: str
    model: str
    group: str
    created_at: datetime
    ids: list[str]
    key: str
    settings: dict[str, JSON] = field(factory=dict)
    details: dict[str, JSON] | None = None


@frozen
class BatchAnswer(Generic[T]):
    """What became of one prompt of a batch.

    Attributes:
        id: The prompt.
        value: The text, or the value of the schema; None if there is a problem.
        problem: Why there is no value; None if there is one. It is never an empty value instead.
    """

    id: str
    value: T | None = None
    problem: str | None = None


class AIBatches(Protocol):
    """Many prompts at once: submitted now, answered within a day, for about half the price.

    Every call may raise `AICallFailed`. `eventflow.ai.batch_stage` makes a whole stage of it.
    """

    async def submit(
        self,
        prompts: Mapping[str, Any],
        schema: Any = None,  # noqa: ANN401 - any schema kind
        *,
        temperature: float | None = None,
        max_tokens: int | None = None,
        instructions: str | None = None,
        settings: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> BatchHandle:
        """Submit prompts, each under an id of its own.

        Args:
            prompts: The prompts, by id.
            schema: The type that is asked for; without it, texts.
            temperature: How varied the answers may be; None leaves it to the model.
            max_tokens: The longest answer.
            instructions: What holds for every prompt.
            settings: Further settings of the library.
            key: A text by which `find` knows the batch again.

        Raises:
            InvalidInput: There is no prompt.
            InvalidSettings: The model has no batches, or a setting does not fit.
        """
        ...

    async def find(
        self,
        prompts: Mapping[str, Any],
        *,
        key: str,
        since: datetime,
        temperature: float | None = None,
        max_tokens: int | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> BatchHandle | None:
        """Look for a batch that was submitted under a key, after its handle was lost.

        Args:
            prompts: As they were submitted.
            key: The key that they were submitted under.
            since: When that was at the earliest.
            temperature: As it was submitted.
            max_tokens: As it was submitted.
            settings: As they were submitted.

        Raises:
            BatchesNotListed: The provider does not let one look.
        """
        ...

    async def ended(self, handle: BatchHandle) -> bool:
        """Ask whether the provider has done with a batch."""
        ...

    async def results(
        self,
        handle: BatchHandle,
        schema: Any = None,  # noqa: ANN401 - as `submit`
        *,
        with_result: bool = False,
    ) -> list[BatchAnswer[Any]]:
        """Fetch the answers of a batch that has ended, and record each of them as a call.

        Args:
            handle: The batch.
            schema: As it was submitted.
            with_result: Record them together with the result of the stage, and only if it counts,
                so that they are recorded once however often they are fetched.
        """
        ...


class AIHelper(Protocol):
    """Calls models, and records each call as an event with its tokens and its cost.

    A model is named as `provider:name`, such as `openai:gpt-5-mini`, or by a name of the settings,
    or is a model object of the library. None stands for the model of the settings. A prompt is a
    text, or a sequence of texts, paths of files, and parts of the library, such as images.

    Every call may raise `AICallFailed`, and is recorded all the same.
    """

    @property
    def topic(self) -> str:
        """The path under which the calls are counted."""
        ...

    def child(self, segment: str, id: str | int | None = None) -> "AIHelper":
        """Give a helper for a part of the work, with `segment` and `id` added to the topic."""
        ...

    async def generate_text(
        self,
        model: Any,  # noqa: ANN401 - a name, or a model of a library that is an extra
        prompt: Any,  # noqa: ANN401 - a text, or parts of that library
        temperature: float | None = 0.7,
        max_tokens: int | None = None,
        *,
        tools: Tools = (),
        instructions: str | None = None,
        history: Sequence[Any] = (),
        settings: Mapping[str, Any] | None = None,
        max_requests: int = 10,
    ) -> Text:
        """Ask for a text.

        Args:
            model: Whom to ask.
            prompt: What to ask.
            temperature: How varied the answer may be; None leaves it to the model.
            max_tokens: The longest answer.
            tools: Functions that the model may call before it answers.
            instructions: What holds for the whole conversation.
            history: The `messages` of an earlier text, to go on with the conversation.
            settings: Further settings of the library, such as `seed` or `timeout` in seconds.
            max_requests: How often the model is asked at the most while it calls tools.
        """
        ...

    async def generate_object(
        self,
        model: Any,  # noqa: ANN401 - as `generate_text`
        prompt: Any,  # noqa: ANN401 - as `generate_text`
        schema: type[T],
        temperature: float | None = 0.0,
        max_tokens: int | None = None,
        *,
        instructions: str | None = None,
        history: Sequence[Any] = (),
        settings: Mapping[str, Any] | None = None,
        retries: int = 1,
    ) -> T:
        """Ask for a value of any type that may be the output of a stage.

        An answer that does not fit is shown to the model with what is wrong, `retries` times.

        Raises:
            InvalidAnswer: The last answer does not fit either, with every field that is wrong.
        """
        ...

    @overload
    async def embed(
        self,
        model: Any,  # noqa: ANN401 - as `generate_text`
        text: str,
        *,
        dimensions: int | None = None,
        query: bool = False,
        settings: Mapping[str, Any] | None = None,
    ) -> list[float]: ...
    @overload
    async def embed(
        self,
        model: Any,  # noqa: ANN401 - as `generate_text`
        text: Sequence[str],
        *,
        dimensions: int | None = None,
        query: bool = False,
        settings: Mapping[str, Any] | None = None,
    ) -> list[list[float]]: ...
    async def embed(
        self,
        model: Any,
        text: str | Sequence[str],
        *,
        dimensions: int | None = None,
        query: bool = False,
        settings: Mapping[str, Any] | None = None,
    ) -> list[float] | list[list[float]]:
        """Turn a text into a vector, or several texts into as many vectors, in one call.

        `query` tells models that make a difference that the text is searched with, not searched.
        """
        ...

    def stream_text(
        self,
        model: Any,  # noqa: ANN401 - as `generate_text`
        prompt: Any,  # noqa: ANN401 - as `generate_text`
        temperature: float | None = 0.7,
        max_tokens: int | None = None,
        *,
        instructions: str | None = None,
        history: Sequence[Any] = (),
        settings: Mapping[str, Any] | None = None,
    ) -> TextStream:
        """Ask for a text, and give its pieces as they come."""
        ...

    async def record_call(
        self,
        model: str,
        *,
        prompt: object = None,
        response: object = None,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        cache_read_tokens: int = 0,
        cache_write_tokens: int = 0,
        reasoning_tokens: int = 0,
        cost: Decimal | str | float | None = None,
        duration: float = 0.0,
        finish_reason: str | None = None,
        error: BaseException | str | None = None,
    ) -> None:
        """Record a call that was made elsewhere.

        The cost in US dollars is computed from the tokens if it is not given, and stays unknown if
        the price of the model is. `duration` is in seconds.

        Raises:
            InvalidInput: A number is negative, or prompt or response have no meaning in JSON.
        """
        ...

    def batch(self, model: Any = None) -> "AIBatches":  # noqa: ANN401 - as `generate_text`
        """Give the batches of a model: many prompts at once, answered within a day for less."""
        ...

    async def stats(self) -> AIStats:
        """Tell what the calls of this topic, and of those below it, came to."""
        ...

    def model(self, model: Any = None) -> Any:  # noqa: ANN401 - a model of a library that is an extra
        """Give a model of the library whose calls are all recorded, for an agent of the library."""
        ...

    def embedding_model(self, model: Any = None) -> Any:  # noqa: ANN401 - as `model`
        """Give an embedding model of the library whose calls are all recorded."""
        ...

    async def aclose(self) -> None:
        """Give up the streams that are still open, and record what they used.

        Stages need not call it: the helper of a stage is closed when the attempt ends.
        """
        ...

    def wait(self, call: Awaitable[T]) -> T:
        """Wait for a call in a plain `def` stage: `text = ctx.ai.wait(ctx.ai.generate_text(...))`.

        Raises:
            RuntimeError: There is no thread to wait in: the stage is `async def`, and awaits.
        """
        ...
