"""`GET /api/usage/token` and `GET /api/pricing`, as relays answer them (wire tables H.1 and H.2, from new-api).

The relay's quota unit is 1/500000 of the currency. A relay knows two kinds of price: by token, as ratios to 2 per
million input tokens, and by call. What is priced otherwise here (by second, image …; by tokens, but not those that are
read afresh, which all its ratios refer to) is told as the price of a call with the model's defaults, and exactly in
`prices`, which is our own addition.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import msgspec

from telecine.accounts.prices import TOKENS_HELD, deciding
from telecine.config import PriceConfig
from telecine.dialects.call import Call
from telecine.dialects.dialect import Claim, Dialect
from telecine.dialects.errors import Errors
from telecine.dialects.rows import Plain
from telecine.nouns.catalogue import Catalogue
from telecine.nouns.money import TOKEN_UNITS, Unit, amount_of, micros_of
from telecine.nouns.operations import Kind

_MICROS_A_UNIT: Final = 2
_BASE_RATIO: Final = 2
"""The price of a million input tokens whose ratio is 1."""
_ENDPOINTS: Final[dict[Kind, tuple[str, dict[str, str]]]] = {
    "video": ("openai-video", {"path": "/v1/videos", "method": "POST"}),
}
"""By kind of model, the relays' word for an endpoint that is served here. What they have no word for (pictures come
from `/v1/tasks`) goes without, because some applications break on a word that they do not know."""
_GROUP: Final = "default"


class TokenUsage(msgspec.Struct, frozen=True, kw_only=True):
    """A key ("token", to relays) in quota units; `expires_at` in seconds since the Unix epoch, 0 without an end."""

    object: str = "token_usage"
    name: str
    total_granted: int
    total_used: int
    total_available: int
    unlimited_quota: bool
    model_limits: dict[str, bool]
    model_limits_enabled: bool
    expires_at: int


class TokenUsageAnswer(msgspec.Struct, frozen=True):
    """The relay's envelope, whose code is a boolean."""

    data: TokenUsage
    code: bool = True
    message: str = "ok"


class PriceLine(msgspec.Struct, frozen=True):
    """One line of the price book: a decimal string for one `unit`, `when` all conditions hold."""

    unit: str
    price: str
    when: dict[str, str | int | float | bool]


class ModelPricing(msgspec.Struct, frozen=True, kw_only=True):
    """One model. `quota_type`: 0 by token, 1 by call."""

    model_name: str
    description: str = ""
    icon: str = ""
    tags: str = ""
    vendor_id: int
    quota_type: int
    model_ratio: float = 0.0
    model_price: float = 0.0
    owner_by: str
    completion_ratio: float = 0.0
    cache_ratio: float = 0.0
    create_cache_ratio: float = 0.0
    audio_ratio: float = 0.0
    enable_groups: list[str]
    supported_endpoint_types: list[str]
    prices: list[PriceLine]


class Vendor(msgspec.Struct, frozen=True):
    """Who makes models; ids count from 1."""

    id: int
    name: str


class RelayError(msgspec.Struct, frozen=True):
    """The relays' envelope of errors: `code` and `success` are false in their two ways of telling it."""

    code: bool
    success: bool
    message: str


class Pricing(msgspec.Struct, frozen=True, kw_only=True):
    """All that the caller may use."""

    success: bool = True
    data: list[ModelPricing]
    vendors: list[Vendor]
    group_ratio: dict[str, float]
    usable_group: dict[str, str]
    supported_endpoint: dict[str, dict[str, str]]
    auto_groups: list[str]
    pricing_version: str
    currency: str


async def token_usage(call: Call) -> TokenUsageAnswer:
    """`GET /api/usage/token`, with and without a slash at its end."""
    principal = call.principal
    key = await call.edge.accounts.key(principal)
    used, left = key.spent // _MICROS_A_UNIT, max(0, key.left or 0) // _MICROS_A_UNIT
    return TokenUsageAnswer(
        TokenUsage(
            name=key.name,
            total_granted=used + left,
            total_used=used,
            total_available=left,
            unlimited_quota=key.left is None,
            model_limits=dict.fromkeys(sorted(principal.models or ()), True),
            model_limits_enabled=principal.models is not None,
            expires_at=int(key.expires_at or 0),
        )
    )


async def pricing(call: Call) -> Pricing:
    """`GET /api/pricing`: the models that the caller can use, with what they cost."""
    edge = call.edge
    names = edge.models(call.principal)
    makers = sorted({_maker(name, edge.catalogue) for name in names})
    numbers = {maker: number for number, maker in enumerate(makers, 1)}
    data = [_priced(name, edge.accounts.prices(name), edge.catalogue, numbers) for name in names]
    kinds = {kind for one in data for kind in one.supported_endpoint_types}
    return Pricing(
        data=data,
        vendors=[Vendor(number, maker) for maker, number in numbers.items()],
        group_ratio={_GROUP: 1.0},
        usable_group={_GROUP: _GROUP},
        supported_endpoint={name: where for name, where in _ENDPOINTS.values() if name in kinds},
        auto_groups=[_GROUP],
        pricing_version="1",
        currency=edge.accounts.currency,
    )


def _maker(name: str, catalogue: Catalogue) -> str:
    known = catalogue.find(name)
    return known.vendor if known is not None else "unknown"


def _priced(name: str, lines: Sequence[PriceConfig], catalogue: Catalogue, numbers: dict[str, int]) -> ModelPricing:
    known = catalogue.find(name)
    maker = _maker(name, catalogue)
    plain = deciding(_plain(lines), name)
    by_token = {line.unit: line.price for line in plain if line.unit in TOKEN_UNITS}
    told = ModelPricing(
        model_name=name,
        vendor_id=numbers[maker],
        quota_type=1,
        model_price=float(_call(plain, known.main.default_duration if known is not None else 1)),
        owner_by=maker,
        enable_groups=[_GROUP],
        supported_endpoint_types=[_ENDPOINTS[known.kind][0]] if known is not None and known.kind in _ENDPOINTS else [],
        prices=[PriceLine(line.unit, amount_of(micros_of(line.price)), line.when) for line in lines],
    )
    base = by_token.get("million_input_tokens")
    if not base:
        return told

    def ratio(unit: Unit) -> float:
        return float(by_token.get(unit, Decimal(0)) / base)

    return msgspec.structs.replace(
        told,
        quota_type=0,
        model_price=0.0,
        model_ratio=float(base / _BASE_RATIO),
        completion_ratio=ratio("million_output_tokens"),
        cache_ratio=ratio("million_cached_tokens"),
        create_cache_ratio=ratio("million_cache_write_tokens"),
        audio_ratio=ratio("million_audio_tokens"),
    )


def _plain(lines: Sequence[PriceConfig]) -> list[PriceConfig]:
    """The lines with the fewest conditions, the cheapest first. Without any, they stand in the order that decides."""
    fewest = min((len(line.when) for line in lines), default=0)
    found = [line for line in lines if len(line.when) == fewest]
    return sorted(found, key=lambda line: line.price) if fewest else found


def _call(lines: Sequence[PriceConfig], seconds: int) -> Decimal:
    """What a call with the model's defaults costs by the lines that count; as far as that is unknown, what it holds."""
    usual: dict[Unit, Decimal] = {"second": Decimal(seconds), **dict.fromkeys(TOKEN_UNITS, TOKENS_HELD)}
    return sum((line.price * (line.hold or usual.get(line.unit, Decimal(1))) for line in lines), Decimal(0))


_USAGE: Final = Plain("/api/usage/token", "What the key has left", answer=TokenUsageAnswer, handle=token_usage)

RELAY: Final = Dialect(
    name="relay",
    title="Balance and prices, as relays tell them",
    about="What clients of relays ask for: quota units of 1/500000, and ratios.",
    claimed=(Claim("/api/usage"), Claim("/api/pricing")),
    rows=(
        _USAGE,
        msgspec.structs.replace(_USAGE, path="/api/usage/token/"),
        Plain("/api/pricing", "What the models cost", answer=Pricing, handle=pricing),
    ),
    errors=Errors(
        envelope=lambda told: RelayError(code=False, success=False, message=told.error.message), shape=RelayError
    ),
)
