"""The calls of helpers, made through the library: texts, objects and vectors."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, cast

from pydantic_ai import Agent, Tool
from pydantic_ai.direct import model_request
from pydantic_ai.embeddings import EmbeddingSettings
from pydantic_ai.embeddings.result import EmbedInputType
from pydantic_ai.exceptions import AgentRunError, UserError
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, UserPromptPart
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import UsageLimits

from eventflow.ai.failures import failure
from eventflow.ai.ledger import Ledger
from eventflow.ai.messages import content_of, history_of, tokens_of
from eventflow.ai.objects import Wanted
from eventflow.ai.question import Question
from eventflow.ai.recording import RecordingEmbeddingModel, RecordingModel
from eventflow.ai.temperature import FittingModel
from eventflow.core.ai import AICallKind
from eventflow.definition.ai import Text
from eventflow.errors import EventflowError, InvalidAnswer, InvalidInput


def messages_of(question: Question) -> list[ModelMessage]:
    """Give the conversation up to a question."""
    asked = UserPromptPart(content_of(question.prompt))
    return [
        *history_of(question.history),
        ModelRequest(parts=[asked], instructions=question.instructions),
    ]


def settings_of(question: Question) -> ModelSettings:
    """Give the settings as the library has them."""
    chosen = {"temperature": question.temperature, "max_tokens": question.max_tokens}
    given = {name: value for name, value in chosen.items() if value is not None}
    return cast("ModelSettings", {**given, **question.settings})


def recording(ledger: Ledger, given: Any) -> RecordingModel:  # noqa: ANN401 - a name or a model object
    """Give a model whose calls are recorded, and which is asked just as its user says."""
    requested, model = ledger.desk.connections.model(given)
    return RecordingModel(model, requested, ledger)


def asked_by_us(
    ledger: Ledger,
    given: Any,  # noqa: ANN401 - as `recording`
    kind: AICallKind = AICallKind.TEXT,
) -> RecordingModel:
    """Give a model whose calls are recorded, for the calls of helpers, which have defaults."""
    requested, model = ledger.desk.connections.model(given)
    return RecordingModel(FittingModel(model), requested, ledger, kind)


def recording_embeddings(ledger: Ledger, given: Any) -> RecordingEmbeddingModel:  # noqa: ANN401 - as above
    """Give an embedding model whose calls are recorded."""
    requested, model = ledger.desk.connections.embedding_model(given)
    return RecordingEmbeddingModel(model, requested, ledger)


def raised(
    model: RecordingModel | RecordingEmbeddingModel, error: Exception, ledger: Ledger
) -> Exception:
    """Give the error to raise: errors of user code, such as of a tool, go on as they are."""
    if isinstance(error, EventflowError):
        return error
    if error is model.failed or isinstance(error, AgentRunError | UserError):
        return failure(model.requested, error, ledger.desk.redactor)
    return error


async def ask_text(ledger: Ledger, question: Question) -> Text:
    """Ask for a text."""
    model = asked_by_us(ledger, question.model)
    messages = messages_of(question)
    try:
        response = await model_request(model, messages, model_settings=settings_of(question))
    except Exception as error:  # noqa: BLE001 - libraries of providers raise anything
        raise raised(model, error, ledger) from None
    text = Text(response.text or "")
    text.tokens, text.cost = tokens_of(response.usage), response.usage.cost
    text.model, text.finish_reason = response.model_name, response.finish_reason
    text.messages = (*messages, response)
    return text


async def ask_with_tools(
    ledger: Ledger, question: Question, tools: Sequence[Any], max_requests: int
) -> Text:
    """Ask for a text, and call the functions that the model asks for meanwhile."""
    given: object = tools
    if not isinstance(given, Sequence) or not all(map(_is_tool, given)):
        raise InvalidInput("Tools are a list of functions that the model may call")
    model = asked_by_us(ledger, question.model)
    agent = Agent(model, tools=tools, instructions=question.instructions)
    history = history_of(question.history)
    try:
        result = await agent.run(
            content_of(question.prompt),
            message_history=history or None,
            model_settings=settings_of(question),
            usage_limits=UsageLimits(request_limit=max_requests),
        )
    except Exception as error:  # noqa: BLE001 - as `ask_text`
        raise raised(model, error, ledger) from None
    text = Text(result.output)
    text.tokens, text.cost = tokens_of(result.usage), _sum_of_costs(result.new_messages())
    text.model, text.finish_reason = result.response.model_name, result.response.finish_reason
    text.messages = tuple(result.all_messages())
    return text


def _sum_of_costs(messages: Sequence[ModelMessage]) -> Decimal | None:
    """Add up what the answers among these messages cost; unknown if the price of one is."""
    costs = [each.usage.cost for each in messages if isinstance(each, ModelResponse)]
    known = [cost for cost in costs if cost is not None]
    return sum(known, Decimal(0)) if len(known) == len(costs) else None


def _is_tool(given: Any) -> bool:  # noqa: ANN401 - what users give
    return callable(given) or isinstance(given, Tool)


async def ask_object(ledger: Ledger, question: Question, schema: Any, retries: int) -> Any:  # noqa: ANN401 - of any type
    """Ask for a value of a type; an answer that does not fit is shown to the model."""
    wanted = Wanted(schema)
    model = asked_by_us(ledger, question.model, AICallKind.OBJECT)
    parameters = wanted.parameters()
    messages = messages_of(question)
    while True:
        try:
            response = await model_request(
                model,
                messages,
                model_settings=settings_of(question),
                model_request_parameters=parameters,
            )
        except Exception as error:  # noqa: BLE001 - as `ask_text`
            raise raised(model, error, ledger) from None
        read = wanted.read(response)
        if not read.problems:
            return read.value
        if retries <= 0:
            raise InvalidAnswer(ledger.desk.redactor.text(model.requested), read.problems)
        retries -= 1
        messages = [*messages, response, wanted.complaint(read)]


async def embed(
    ledger: Ledger,
    given: Any,  # noqa: ANN401 - a name or a model object
    texts: Sequence[str],
    settings: Mapping[str, Any],
    *,
    query: bool,
) -> list[list[float]]:
    """Turn texts into vectors, in one call."""
    for text in texts:
        if not isinstance(text, str):
            raise InvalidInput(f"Vectors are made of texts, not of {type(text).__name__}")
    model = recording_embeddings(ledger, given)
    chosen = cast("EmbeddingSettings", dict(settings))
    input_type: EmbedInputType = "query" if query else "document"
    try:
        result = await model.embed(list(texts), input_type=input_type, settings=chosen)
    except Exception as error:  # noqa: BLE001 - as `ask_text`
        raise raised(model, error, ledger) from None
    return [list(vector) for vector in result.embeddings]
