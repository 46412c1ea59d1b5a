"""What the settings choose: policy, prices, names of one's own; no key of it is ever shown."""

from collections.abc import Iterable, Mapping
from decimal import Context, Decimal, InvalidOperation
from typing import Any

from attrs import Attribute, field, frozen

from eventflow.core.ai import PromptPolicy, Tokens
from eventflow.errors import InvalidSettings
from eventflow.store.registry import redact

MILLION = Decimal(1_000_000)

_EXACT = Context(prec=60)


def amount(given: Decimal | str | float) -> Decimal:
    """Read an amount of money exactly; a float counts as the decimal number that it is written as.

    Raises:
        InvalidSettings: It is no number, or negative.
    """
    try:
        value = Decimal(str(given))
    except InvalidOperation:
        raise InvalidSettings(f"{given!r} is no amount of money; give a decimal number") from None
    if not value.is_finite() or value < 0:
        raise InvalidSettings(f"{given!r} is no amount of money; it is a number from 0")
    return value


def _optional_amount(given: Decimal | str | float | None) -> Decimal | None:
    return None if given is None else amount(given)


@frozen(kw_only=True)
class Price:
    """What a model costs, in US dollars per million tokens; amounts may be texts such as `"0.15"`.

    Attributes:
        input: Tokens of the prompt.
        output: Tokens of the response, reasoning included.
        cache_read: Tokens of the prompt that came out of a cache; as `input` if not given.
        cache_write: Tokens of the prompt that were written to a cache; as `input` if not given.
        version: Where the price comes from; it is kept with every cost.
    """

    input: Decimal = field(converter=amount)
    output: Decimal = field(default=Decimal(0), converter=amount)
    cache_read: Decimal | None = field(default=None, converter=_optional_amount)
    cache_write: Decimal | None = field(default=None, converter=_optional_amount)
    version: str = "own"

    def of(self, tokens: Tokens) -> Decimal:
        """Give what so many tokens cost, exactly."""
        plain = tokens.input - tokens.cache_read - tokens.cache_write
        parts = (
            (plain, self.input),
            (tokens.cache_read, self.input if self.cache_read is None else self.cache_read),
            (tokens.cache_write, self.input if self.cache_write is None else self.cache_write),
            (tokens.output, self.output),
        )
        total = Decimal(0)
        for count, price in parts:
            total = _EXACT.add(total, _EXACT.multiply(Decimal(count), price))
        return _EXACT.divide(total, MILLION)


@frozen(kw_only=True)
class Endpoint:
    """Where a provider is reached.

    Attributes:
        base_url: The URL of its API.
        api_key: The key; it is never shown, logged or stored.
    """

    base_url: str = field(repr=redact)
    api_key: str | None = field(default=None, repr=False)


def _texts(given: Iterable[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _policy(given: PromptPolicy | str) -> PromptPolicy:
    try:
        return PromptPolicy(given)
    except ValueError:
        there = ", ".join(PromptPolicy)
        raise InvalidSettings(f"There is no policy {given!r}; there are: {there}") from None


def _each_is(kind: type) -> Any:  # noqa: ANN401 - a validator of attrs
    """Refuse what would only be found out when a call was paid for."""

    def validate(_: object, field: "Attribute[Any]", value: Any) -> None:  # noqa: ANN401 - what users give
        if not isinstance(value, Mapping):
            raise InvalidSettings(f"{field.name} is a mapping by name, not {type(value).__name__}")
        for name, each in value.items():
            if not isinstance(name, str) or not isinstance(each, kind):
                raise InvalidSettings(
                    f"{field.name}[{name!r}] is {kind.__name__}(...) by name, not "
                    f"{type(each).__name__}"
                )

    return validate


@frozen(kw_only=True)
class Choices:
    """The values of `eventflow.ai.AISettings`, which describes them."""

    policy: PromptPolicy = field(default=PromptPolicy.FULL, converter=_policy)
    prices: Mapping[str, Price] = field(factory=dict, validator=_each_is(Price))
    models: Mapping[str, Any] = field(factory=dict)
    providers: Mapping[str, Endpoint] = field(factory=dict, validator=_each_is(Endpoint))
    text_model: str | None = None
    embedding_model: str | None = None
    secrets: tuple[str, ...] = field(default=(), converter=_texts, repr=False)
