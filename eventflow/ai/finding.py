"""Finds a batch whose id was lost between its submission and the log, where one can look."""

from datetime import datetime, timedelta
from typing import Any

from pydantic_ai.models import Model
from pydantic_ai.models.batch import Batch

from eventflow.errors import BatchesNotListed

SLACK = timedelta(minutes=10)
"""So far may the clock of a provider be from that of the store."""

MOST_LOOKED_AT = 200

_GONE = 404


async def find_batch(model: Model, first_name: str, group: str, since: datetime) -> Batch | None:
    """Find the batch whose first prompt was submitted under a name.

    Only OpenAI lists batches together with what was submitted.

    Raises:
        BatchesNotListed: The provider of this model does not.
    """
    client: Any = getattr(model, "client", None)
    if getattr(model, "system", None) != "openai" or not hasattr(client, "batches"):
        raise BatchesNotListed(
            f"{model.model_name}: its provider lists no batches by what was submitted, so nobody "
            "can tell whether one exists; look at its console"
        )
    looked_at = 0
    async for listed in client.batches.list(limit=50):
        if listed.created_at < (since - SLACK).timestamp() or looked_at >= MOST_LOOKED_AT:
            return None
        looked_at += 1
        if await _begins_with(client, listed.input_file_id, first_name):
            known = Batch(
                id=listed.id,
                model_name=model.model_name,
                provider_name=model.system,
                group=group,
                status="in_progress",
                created_at=since,
                request_count=0,
            )
            return await model.batch_status(known)
    return None


async def _begins_with(client: Any, file_id: str, first_name: str) -> bool:  # noqa: ANN401 - of the provider's library
    """Read the first line of a file, and no more of it: a batch may be hundreds of megabytes."""
    try:
        async with client.files.with_streaming_response.content(file_id) as content:
            async for line in content.iter_lines():
                return f'"{first_name}"' in line
    except Exception as error:
        if getattr(error, "status_code", None) != _GONE:
            raise
    return False  # it was deleted when the results of another batch had been fetched, or is empty
