"""Keys never reach an event, a log, an error or a repr, wherever they turn up."""

import traceback

import pytest
from pydantic_ai import Agent
from structlog.testing import capture_logs

import eventflow as ef
from eventflow.ai import AICallFailed, AISettings, Endpoint
from eventflow.ai.redaction import Redactor
from eventflow.ai.testing import ScriptedModel
from eventflow.testing.harness import runtime
from tests.ai.desk import KEY, Kept, helper, local
from tests.ai.provider import LoopbackProvider, Reply, chat

PASSWORD = "p4ssw0rd-of-the-proxy"
TOKEN = "token-in-the-query-77"
ONCE = {"max_retries": 0}


def refusal() -> Reply:
    """Echo the key in an error, as some providers do."""
    return Reply({"error": {"message": f"Incorrect API key provided: {KEY}", "key": KEY}}, 401)


async def test_an_error_that_echoes_the_key(provider: LoopbackProvider) -> None:
    """Neither the error, nor its traceback, nor the event has the key."""
    kept = Kept()
    provider.answer(refusal())
    with pytest.raises(AICallFailed) as failed:
        await helper(local(provider.url), kept).generate_text("local:small", "x", settings=ONCE)
    shown = "".join(traceback.format_exception(failed.value))
    for text in (str(failed.value), repr(failed.value), shown, repr(kept.calls)):
        assert KEY not in text
    assert "Incorrect API key provided: ***" in str(failed.value)


async def test_an_error_within_an_agent(provider: LoopbackProvider) -> None:
    """The error of the library goes on as it is, without the key, and so does its cause."""
    kept = Kept()
    provider.answer(refusal())
    agent = Agent(helper(local(provider.url), kept).model("local:small"))
    with pytest.raises(Exception, match="Incorrect") as failed:
        await agent.run("x", model_settings={"max_retries": 0})
    assert KEY not in "".join(traceback.format_exception(failed.value))
    assert KEY not in repr(vars(failed.value))


async def test_a_failed_stage_keeps_no_key(provider: LoopbackProvider) -> None:
    """No event of the run has it, and no line of the log."""

    @ef.stage(retry=ef.Retry(max_attempts=2))
    async def ask(ctx: ef.StageContext[str]) -> str:
        return await ctx.ai.generate_text("local:small", ctx.input, settings=ONCE)

    workflow = ef.define_workflow("asks", input=str).pipe(ask).build()
    provider.answer(refusal(), refusal())
    with capture_logs() as logs:
        async with runtime(workflow, ai=local(provider.url)) as manual:
            history = await manual.play("asks", "x")
    assert [each.type for each in history].count("ai.called") == 2
    assert all(KEY.encode() not in each.data for each in history)
    assert KEY not in repr(logs)


async def test_a_url_with_a_password_and_a_token(provider: LoopbackProvider) -> None:
    """They are used, and shown nowhere."""
    url = provider.url.replace("http://", f"http://user:{PASSWORD}@") + f"?api_token={TOKEN}"
    settings = AISettings(providers={"local": Endpoint(base_url=url, api_key=KEY)})
    kept = Kept()
    ai = helper(settings, kept)
    provider.answer(Reply({"error": {"message": f"bad gateway at {url}"}}, 502))
    with pytest.raises(AICallFailed) as failed:
        await ai.generate_text("local:small", "x", settings=ONCE)
    for text in (repr(settings), repr(ai), str(failed.value), repr(kept.calls)):
        assert PASSWORD not in text
        assert TOKEN not in text
        assert KEY not in text


async def test_a_key_in_a_prompt_or_an_answer(provider: LoopbackProvider) -> None:
    """A known key is taken out of what is stored; the model and the caller see it as it is."""
    kept = Kept()
    provider.answer(chat(f"Your key is {KEY}."))
    text = await helper(local(provider.url), kept).generate_text("local:small", f"Is {KEY} mine?")
    assert text == f"Your key is {KEY}."
    assert KEY in str(provider.requests[0].body)
    assert KEY not in repr(kept.calls)


async def test_headers_are_never_stored(provider: LoopbackProvider) -> None:
    """Further headers reach the provider, and no event."""
    kept = Kept()
    provider.answer(chat())
    headers = {"extra_headers": {"x-team": "secret-of-the-team"}}
    await helper(local(provider.url), kept).generate_text("local:small", "x", settings=headers)
    assert provider.requests[0].headers["x-team"] == "secret-of-the-team"
    assert "secret-of-the-team" not in repr(kept.calls)


async def test_what_settings_name_as_a_secret_is_never_stored(provider: LoopbackProvider) -> None:
    """It reaches the provider, and of the event only its name; other settings are kept."""
    kept = Kept()
    provider.answer(chat())
    further = {"tenant": {"api_key": "of-a-tenant", "name": "north"}, "top_k": 3}
    ai = helper(local(provider.url), kept)
    await ai.generate_text("local:small", "x", max_tokens=9, settings={"extra_body": further})
    assert provider.requests[0].body["tenant"]["api_key"] == "of-a-tenant"
    assert kept.only.prompt["settings"] == {  # type: ignore[index]
        "temperature": 0.7,
        "max_tokens": 9,
        "extra_body": {"tenant": {"api_key": "***", "name": "north"}, "top_k": 3},
    }


async def test_further_secrets_can_be_named() -> None:
    """Whatever the settings name is hidden like a key."""
    kept = Kept()
    models = {"m": ScriptedModel(RuntimeError("no rights for customer-4711-secret"))}
    ai = helper(AISettings(models=models, secrets="customer-4711-secret"), kept)
    with pytest.raises(AICallFailed, match=r"no rights for \*\*\*"):
        await ai.generate_text("m", "x")
    assert "customer-4711" not in repr(kept.calls)


async def test_a_call_that_was_made_elsewhere_keeps_no_key() -> None:
    """What looks like a key in the error of somebody else's call is hidden too."""
    kept = Kept()
    ai = helper(AISettings(), kept)
    await ai.record_call("other:model", error=ValueError("refused: Bearer abcdef0123456789"))
    assert kept.only.error is not None
    assert kept.only.error.message == "refused: Bearer ***"


SHAPES: list[tuple[str, str]] = [
    ("sk-proj-abcdefgh12345678", "***"),
    ("x-api-key: AIzaSyA1234567890abcdefghijklmnop", "x-api-key: ***"),
    ("https://me:pass@host/v1", "https://***@host/v1"),
    ("GET /v1?key=abc123&alt=sse", "GET /v1?key=***&alt=sse"),
    ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
    ("a risk-free sky-blue task", "a risk-free sky-blue task"),
    ("me@example.com", "me@example.com"),
]


@pytest.mark.parametrize(("text", "hidden"), SHAPES)
def test_what_looks_like_a_key_is_hidden_in_texts_for_people(text: str, hidden: str) -> None:
    """Also a key that nobody named; other words stay."""
    assert Redactor().text(text) == hidden


def test_known_keys_are_hidden_at_any_depth() -> None:
    """In lists, in objects and in their keys; a shorter key does not spoil a longer one."""
    redactor = Redactor(["abcdef", "abcdefgh"])
    assert redactor.data({"abcdefgh": [["xabcdefx", 1, None]]}) == {"***": [["x***x", 1, None]]}
    assert "abcdef" not in repr(redactor)
