"""A whole stage out of one function that gives prompts: submitted once, waited for, recorded once.

It calls no model itself: what it does goes through `ctx.ai.batch`, durable steps and suspension.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from inspect import iscoroutinefunction
from typing import Any, Generic, TypeAlias, TypeVar, get_type_hints

from attrs import field, frozen

from eventflow.core.retry import Retry
from eventflow.definition.ai import BatchHandle
from eventflow.definition.context import StageContext
from eventflow.definition.outcomes import Pending, Ready, Suspended
from eventflow.definition.stage import Stage, stage
from eventflow.errors import BatchesNotListed, InvalidWorkflow

T = TypeVar("T")
DAY = 86_400.0

Prompts: TypeAlias = Callable[[Any], Awaitable[Mapping[str, Any]]]
"""An `async def` with a `StageContext`, which gives prompts by ids of their own."""


@frozen
class Answers(Generic[T]):
    """What a batch stage returns.

    Attributes:
        values: The answers that fit, by id.
        problems: Why the others have none, by id.
    """

    values: dict[str, T] = field(factory=dict)
    problems: dict[str, str] = field(factory=dict)


@frozen
class Intent:
    """That a batch is about to be submitted; recorded before it is.

    Attributes:
        token: The claim that meant to.
        at: When.
    """

    token: int
    at: datetime


@frozen
class BatchOptions:
    """How the prompts of a batch stage are answered."""

    model: Any
    schema: Any
    temperature: float | None
    max_tokens: int | None
    instructions: str | None
    settings: Mapping[str, Any]

    def submitting(self) -> dict[str, Any]:
        """Give the arguments that a batch is submitted with, or looked for."""
        return {
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "settings": self.settings,
        }


def batch_stage(
    *,
    model: Any,  # noqa: ANN401 - a name, or a model of the library
    schema: Any = str,  # noqa: ANN401 - any schema kind
    id: str | None = None,
    name: str | None = None,
    description: str = "",
    temperature: float | None = None,
    max_tokens: int | None = None,
    instructions: str | None = None,
    settings: Mapping[str, Any] | None = None,
    check_after: float = 60.0,
    max_wait: float = 2 * DAY,
    retry: Retry | None = None,
) -> Callable[[Prompts], Stage[Any, Any]]:
    """Make a stage of an `async def` that gives prompts; it returns `Answers` of the schema.

    Without any prompt nothing is submitted, and there are no answers.

    The intent is recorded before the batch is submitted, and the handle after it. The stage then
    suspends, and holds no worker; one worker at a time asks the provider. The answers are checked
    one by one, and recorded once, with the price of a batch, together with the stage's output.

    After a crash between submission and recording, the batch is looked for where the provider
    lets one look (OpenAI). Otherwise the log says that it may exist, and it is submitted again.

    Args:
        model: The model, which must have batches: `openai:`, `anthropic:`, `google:`.
        schema: The type of an answer; `str` for texts.
        id: The id of the stage; made of the function's name if not given.
        name: For people.
        description: For people.
        temperature: How varied the answers may be; None leaves it to the model.
        max_tokens: The longest answer.
        instructions: What holds for every prompt.
        settings: Further settings of the library.
        check_after: Seconds between two questions whether the batch has ended.
        max_wait: Seconds after which the stage fails.
        retry: When submitting or asking fails.

    Raises:
        InvalidWorkflow: The function is no `async def`, or has no `StageContext`.
    """
    options = BatchOptions(model, schema, temperature, max_tokens, instructions, settings or {})

    def made(prompts: Prompts) -> Stage[Any, Any]:
        async def submit(ctx: Any) -> Any:  # noqa: ANN401 - annotated below
            intent = await ctx.step("intent", _intent(ctx))
            handle = await ctx.step("submit", _submitting(ctx, prompts, options, intent))
            if handle is None:
                return Answers()
            return Suspended(handle, check_after=check_after, max_wait=max_wait)

        submit.__name__, submit.__doc__ = prompts.__name__, prompts.__doc__
        submit.__annotations__ = {"ctx": _context_of(prompts), "return": Answers[schema]}
        finished: Stage[Any, Any] = stage(
            id=id,
            name=name,
            description=description,
            retry=retry or Retry(),
            state=BatchHandle,
        )(submit)

        @finished.check
        async def collect(state: BatchHandle, ctx: Any) -> Any:  # noqa: ANN401 - the protocol's
            return await _collected(state, ctx, options)

        return finished

    return made


def _submitting(
    ctx: StageContext[Any, Any], prompts: Prompts, options: BatchOptions, intent: Intent
) -> Callable[[], Awaitable[BatchHandle | None]]:
    async def submitting() -> BatchHandle | None:
        given = await prompts(ctx)
        if not given:
            return None
        batch = ctx.ai.batch(options.model)
        if intent.token != ctx.token:
            try:
                found = await batch.find(
                    given, key=ctx.idempotency_key, since=intent.at, **options.submitting()
                )
            except BatchesNotListed as error:
                await ctx.log("ai.batch.may_exist", level="warning", reason=str(error))
            else:
                if found is not None:
                    return found
        return await batch.submit(
            given,
            None if options.schema is str else options.schema,
            instructions=options.instructions,
            key=ctx.idempotency_key,
            **options.submitting(),
        )

    return submitting


def _intent(ctx: StageContext[Any, Any]) -> Callable[[], Intent]:
    def intent() -> Intent:
        return Intent(ctx.token, ctx.claimed_at)

    return intent


async def _collected(
    state: BatchHandle, ctx: StageContext[Any, Any], options: BatchOptions
) -> Pending | Ready[Any]:
    batch = ctx.ai.batch(options.model)
    if not await batch.ended(state):
        return Pending()
    schema = None if options.schema is str else options.schema
    found = await batch.results(state, schema, with_result=True)
    return Ready(
        Answers(
            {each.id: each.value for each in found if each.problem is None},
            {each.id: each.problem for each in found if each.problem is not None},
        ),
        metrics={"answers": len(found)},
    )


def _context_of(prompts: Prompts) -> Any:  # noqa: ANN401 - an annotation
    hints = get_type_hints(prompts)
    if not iscoroutinefunction(prompts):
        raise InvalidWorkflow(f"{prompts.__name__} gives prompts for a batch, so it is async def")
    contexts = [hint for name, hint in hints.items() if name != "return"]
    if len(contexts) != 1:
        raise InvalidWorkflow(
            f"{prompts.__name__} takes one parameter, annotated as StageContext[...], and gives "
            "prompts by id"
        )
    return contexts[0]
