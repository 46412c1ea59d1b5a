"""Texts that come in pieces, made through the library; what was used is recorded at the end."""

from collections.abc import AsyncGenerator

from pydantic_ai.direct import model_request_stream
from pydantic_ai.messages import PartDeltaEvent, PartStartEvent, TextPart, TextPartDelta

from eventflow.ai.asking import asked_by_us, messages_of, raised, settings_of
from eventflow.ai.ledger import Ledger
from eventflow.ai.question import Question


async def pieces(ledger: Ledger, question: Question) -> AsyncGenerator[str]:
    """Ask for a text, and yield its pieces as they come."""
    model = asked_by_us(ledger, question.model)
    stream = model_request_stream(
        model, messages_of(question), model_settings=settings_of(question)
    )
    try:
        async with stream as response:
            async for event in response:
                match event:
                    case PartStartEvent(part=TextPart(content=piece)) if piece:
                        yield piece
                    case PartDeltaEvent(delta=TextPartDelta(content_delta=piece)) if piece:
                        yield piece
                    case _:
                        pass
    except Exception as error:  # noqa: BLE001 - libraries of providers raise anything
        raise raised(model, error, ledger) from None
