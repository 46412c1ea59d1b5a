"""What a call costs: by one's own prices, else by those of genai-prices; unknown is never zero."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Context, Decimal
from importlib import import_module
from typing import Any, TypeAlias

from attrs import frozen

from eventflow.ai.choices import Price
from eventflow.core.ai import Tokens

Cost: TypeAlias = tuple[Decimal | None, str | None]
"""An amount in US dollars and where its price comes from; both None if the price is unknown."""

UNKNOWN: Cost = (None, None)

_EXACT = Context(prec=60)


@frozen(kw_only=True)
class Used:
    """What a call used, and of whom.

    Attributes:
        requested: The model as the caller named it.
        model: The model that answered, as the provider names it.
        provider: Who answered.
        url: Where.
        tokens: What it used.
        at: When.
        details: What the provider said besides, which may choose among its prices.
        usage: The usage as the library has it, which may count more than `tokens`.
    """

    requested: str
    tokens: Tokens
    at: datetime
    model: str | None = None
    provider: str | None = None
    url: str | None = None
    details: Mapping[str, Any] | None = None
    usage: Any = None


def cost_of(used: Used, prices: Mapping[str, Price], discount: Decimal | None = None) -> Cost:
    """Give what a call costs, with the part of the list price off that `discount` says."""
    cost, version = _own(used, prices) or _listed(used)
    if cost is None or discount is None:
        return cost, version
    return _EXACT.multiply(cost, 1 - discount), version


def _own(used: Used, prices: Mapping[str, Price]) -> Cost | None:
    for name in (used.requested, f"{used.provider}:{used.model}", used.model):
        price = prices.get(name) if name is not None else None
        if price is not None:
            return price.of(used.tokens), price.version
    return None


def _listed(used: Used) -> Cost:
    """Look the price up; the URL tells more than the name of a provider, so it goes first."""
    try:
        genai_prices = import_module("genai_prices")
    except ImportError:
        return UNKNOWN
    if used.model is None:
        return UNKNOWN
    usage = used.usage or genai_prices.Usage(
        input_tokens=used.tokens.input,
        output_tokens=used.tokens.output,
        cache_read_tokens=used.tokens.cache_read,
        cache_write_tokens=used.tokens.cache_write,
    )
    for where in _places(used):
        try:
            found = genai_prices.calc_price(
                usage,
                used.model,
                genai_request_timestamp=used.at,
                price_context=_texts(used.details),
                **where,
            )
        except Exception:  # noqa: BLE001, S112 - a call is recorded whatever becomes of its price
            continue
        return found.total_price, _version(genai_prices, found)
    return UNKNOWN


def _places(used: Used) -> Iterator[dict[str, str]]:
    if used.url:
        yield {"provider_api_url": used.url}
    if used.provider:
        yield {"provider_id": used.provider}


def _texts(details: Mapping[str, Any] | None) -> dict[str, str] | None:
    if details is None:
        return None
    return {key: value for key, value in details.items() if isinstance(value, str)}


def _version(genai_prices: Any, found: Any) -> str:  # noqa: ANN401 - modules of the extra
    version = f"genai-prices {genai_prices.__version__}"
    updated = found.auto_update_timestamp
    return version if updated is None else f"{version}, updated {updated:%Y-%m-%dT%H:%M:%SZ}"
