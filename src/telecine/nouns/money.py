"""Money: integer micro-units of the one currency of an installation, never floats."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from typing import Final, Literal, get_args

import msgspec

from telecine.nouns.amounts import decimal_of

Unit = Literal[
    "call",
    "image",
    "second",
    "track",
    "character",
    "million_input_tokens",
    "million_cached_tokens",
    "million_cache_write_tokens",
    "million_output_tokens",
    "million_audio_tokens",
    "compute_second",
]
UNITS: Final[tuple[str, ...]] = get_args(Unit)
TOKEN_UNITS: Final[dict[Unit, str]] = {
    "million_input_tokens": "input",
    "million_cached_tokens": "cached",
    "million_cache_write_tokens": "cache_write",
    "million_output_tokens": "output",
    "million_audio_tokens": "audio",
}
"""The one family of units whose lines add up, and the kind of token (a field of `Tokens`) that each counts. Every
other unit stands alone."""
MICROS: Final = 1_000_000
MOST_MICROS: Final = 10**15
"""The most that one line, one job or one deposit may come to: a thousand million. Sums stay far inside 63 bits."""
MOST_BUDGET: Final = 10**18
"""The most that an account may be granted, and that a budget may say."""
MOST_SUM: Final = 4 * 10**18
"""The most that a balance, or what an account holds and has spent together, may come to. 63 bits take twice as much,
which leaves room for charges that exceed their holds: 5,000 jobs under way by `MOST_MICROS` each."""
MOST_UNITS: Final = 10**9
_UNITS: Final = re.compile(r"[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?")
"""As machines write numbers."""
_MOST_DIGITS: Final = 30
_EXACT: Final = Context(prec=80, rounding=ROUND_HALF_UP)
"""Room for every digit of a sum, so that nothing is rounded before its end."""


class Price(msgspec.Struct, frozen=True):
    """A line of the price book as it is copied onto a task: `micros` micro-units for one `unit`."""

    unit: Unit
    micros: int


def micros_of(amount: Decimal | int | str) -> int:
    """`amount` of the currency in micro-units. Raises ValueError for what is no amount or finer than a micro-unit."""
    given = decimal_of(amount) if isinstance(amount, str) else Decimal(amount)
    if given.is_finite() and given.adjusted() > _MOST_DIGITS:
        raise ValueError(f"'{amount}' is too large for an amount")
    with localcontext(_EXACT):
        exact = given * MICROS
    if not exact.is_finite() or exact != exact.to_integral_value():
        raise ValueError(f"'{amount}' is no amount with at most six decimals")
    return int(exact)


def amount_within(amount: Decimal, most: int) -> int:
    """`amount` of the currency in micro-units, from 0 to `most`. Raises ValueError, whose text goes behind its name."""
    try:
        micros = micros_of(amount)
    except ValueError as error:
        raise ValueError(f"is not valid: {error}") from None
    if micros < 0:
        raise ValueError("is negative")
    if micros > most:
        raise ValueError(f"is more than {most // MICROS}, the most that can be counted with here")
    return micros


def amount_of(micros: int) -> str:
    """Micro-units as a decimal string with six places, the form of every answer: `0.350000`."""
    sign, whole = ("-", -micros) if micros < 0 else ("", micros)
    return f"{sign}{whole // MICROS}.{whole % MICROS:06d}"


def total(parts: Iterable[tuple[Price, Decimal]]) -> int:
    """What so many units of each line cost together, in micro-units.

    The one rounding rule: the sum is exact, and is rounded once, half up, at the very end.
    """
    with localcontext(_EXACT):
        return int(sum((price.micros * quantity for price, quantity in parts), Decimal(0)).quantize(Decimal(1)))


def cost(price: Price, quantity: Decimal) -> int:
    """What `quantity` units of one line cost, in micro-units, by the same rule."""
    return total(((price, quantity),))


def units_of(text: str | None) -> Decimal | None:
    """A count of units as an upstream wrote it; None where that is no number from 0 to a thousand million."""
    units = Decimal(text) if text and _UNITS.fullmatch(text) else None
    return units if units is not None and units <= MOST_UNITS else None


def exact(number: float, places: int = 3) -> Decimal:
    """A measured number (seconds) as a decimal with `places` places."""
    return Decimal(str(number)).quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
