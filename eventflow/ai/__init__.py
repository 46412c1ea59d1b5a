"""Calls of models, each recorded as an event of its run; importing it loads no library for them.

`ctx.ai` and `runtime.create_ai_helper(topic)` give helpers; this package holds their settings, and
the replay of recorded answers. Calls need the extra: `pip install 'eventflow-engine[ai]'`.
"""

from eventflow.ai.batch_stages import Answers, batch_stage
from eventflow.ai.choices import Endpoint, Price
from eventflow.ai.replay import replaying
from eventflow.ai.settings import AISettings
from eventflow.core.ai import AICallKind, AISummary, AITotals, AIUse, PromptPolicy, Tokens
from eventflow.core.ai_stats import AIStats
from eventflow.definition.ai import (
    AIBatches,
    AIHelper,
    BatchAnswer,
    BatchHandle,
    Text,
    TextStream,
)
from eventflow.errors import (
    AICallFailed,
    AICallRefused,
    BatchesNotListed,
    CallNotRecorded,
    InvalidAnswer,
)

__all__ = [
    "AIBatches",
    "AICallFailed",
    "AICallKind",
    "AICallRefused",
    "AIHelper",
    "AISettings",
    "AIStats",
    "AISummary",
    "AITotals",
    "AIUse",
    "Answers",
    "BatchAnswer",
    "BatchHandle",
    "BatchesNotListed",
    "CallNotRecorded",
    "Endpoint",
    "InvalidAnswer",
    "Price",
    "PromptPolicy",
    "Text",
    "TextStream",
    "Tokens",
    "batch_stage",
    "replaying",
]
