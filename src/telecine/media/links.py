"""Signed links: whoever has one may read one file until it expires, and needs no key.

The signature stands in the path, which ends in the true extension: players and upstreams that look at extensions, and
proxies that drop query strings, all cope with it.
"""

from __future__ import annotations

import hashlib
import hmac
import math
from base64 import b32encode
from collections.abc import Callable, Sequence
from typing import Final, get_args

from telecine.media.formats import Variant, extension_of
from telecine.nouns.ids import from_base32, output_id, parse_output_id, to_base32
from telecine.nouns.task import Output

MEDIA_PATH: Final = "/media/{output}/{ticket}/{name}"
OBJECT_PATH: Final = "/media/{account}/{folder}/{ticket}/{name}"
"""Of a file that a request brought, by its key; the ticket stands before its name."""
OBJECT_SECONDS: Final = 6 * 3600
"""How long such a link is good: an upstream may fetch only when it comes to the job."""
WEEK: Final = 7 * 24 * 3600
_DAY: Final = 24 * 3600
_SHOWN: Final = "shown"
"""In the place of an output's identity or an object's folder, which it is none of."""
_SIGNATURE_BYTES: Final = 16
_VARIANTS: Final[dict[str, Variant]] = {variant: variant for variant in get_args(Variant)}
_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


class Signer:
    """Makes links and checks them. `secret` is 32 random bytes that only this purpose uses."""

    def __init__(
        self, secret: bytes | Sequence[bytes], public_url: Callable[[], str] | str, link_seconds: int = WEEK
    ) -> None:
        """Of several secrets the first one signs, and links that any of them has signed are good."""
        self._secrets = (secret,) if isinstance(secret, bytes) else tuple(secret)
        self._public_url = public_url
        self._link_seconds = link_seconds

    @property
    def _base(self) -> str:
        base = self._public_url if isinstance(self._public_url, str) else self._public_url()
        return base.rstrip("/")

    def expiry(self, now: float, until: float = 0.0) -> int:
        """When a link made at `now` ends, not before `until`: rounded up, so that all links of one day are the same and
        caches keep them.

        Links that live for less than a day are rounded up to their own length instead.
        """
        grain = min(_DAY, self._link_seconds)
        return math.ceil(max(now + self._link_seconds, until) / grain) * grain

    def make(self, output: Output, variant: Variant, expires: int) -> str:
        """The link to one variant of a stored output; `expires` in seconds since the Unix epoch."""
        name = f"{variant}.{_extension(output, variant)}"
        return self._link(output_id(output.task_id, output.index), name, expires)

    def make_asset(self, asset_id: int, key: str, variant: Variant, expires: int) -> str:
        """The link to one variant of a file of a library, which lies under `key`."""
        return self._link(to_base32(asset_id), f"{variant}.{key.rpartition('.')[2]}", expires)

    def make_object(self, key: str, expires: int) -> str:
        """The link to the object under `key`, for an upstream."""
        folder, _, name = key.rpartition("/")
        return self._link(folder, name, expires)

    def ticket(self, name: str, expires: int) -> str:
        """What whoever may see the thing with this name shows in the place of a key; the name is no file's."""
        until = _base36(expires)
        return f"{until}-{self._sign(_SHOWN, until, name, self._secrets[0])}"

    def admits(self, name: str, ticket: str, now: float) -> bool:
        """Whether `ticket` is one for the thing with this name, and still good."""
        return self._genuine(_SHOWN, ticket, name, now)

    def verify(self, identity: str, ticket: str, name: str, now: float) -> tuple[int, int | None, Variant] | None:
        """(task id, index, variant) of the parts of a link's path; for a file of a library its id, and no index. None
        where they are forged or expired."""
        if not self._genuine(identity, ticket, name, now):
            return None
        found: tuple[int, int | None] | None = parse_output_id(identity)
        if found is None and (asset := from_base32(identity)) is not None:
            found = asset, None
        variant = _VARIANTS.get(name.partition(".")[0])
        return None if found is None or variant is None else (*found, variant)

    def verify_object(self, folder: str, ticket: str, name: str, now: float) -> str | None:
        """The key that a link of `make_object` names; None where its parts are forged or expired.

        A folder has a slash in it and the identity of an output has none, so neither link passes for the other.
        """
        return f"{folder}/{name}" if self._genuine(folder, ticket, name, now) else None

    def object_of(self, url: str, now: float) -> str | None:
        """The key that `url` names, where it is a link of `make_object` that is still good; None for any other."""
        folder, _, rest = url.removeprefix(f"{self._base}/media/").rpartition("/")
        folder, _, ticket = folder.rpartition("/")
        if not url.startswith(f"{self._base}/media/") or folder.count("/") != 1:
            return None
        return self.verify_object(folder, ticket, rest, now)

    def _link(self, identity: str, name: str, expires: int) -> str:
        until = _base36(expires)
        ticket = f"{until}-{self._sign(identity, until, name, self._secrets[0])}"
        return f"{self._base}/media/{identity}/{ticket}/{name}"

    def _genuine(self, identity: str, ticket: str, name: str, now: float) -> bool:
        """Whether we have signed these, and they are still good."""
        until, _, signature = ticket.partition("-")
        signed = (self._sign(identity, until, name, secret) for secret in self._secrets)
        if not any(hmac.compare_digest(signature.encode(), one.encode()) for one in signed):
            return False
        return int(until, 36) > now  # it is ours, character for character: the signature covers it

    def _sign(self, identity: str, until: str, name: str, secret: bytes) -> str:
        message = f"{identity}/{until}/{name}".encode()
        digest = hmac.new(secret, message, hashlib.sha256).digest()[:_SIGNATURE_BYTES]
        return b32encode(digest).decode().rstrip("=").lower()


def _extension(output: Output, variant: Variant) -> str:
    if variant == "file":
        return extension_of(output.content_type)
    return output.poster_key.rpartition(".")[2] if variant == "poster" and output.poster_key else "jpg"


def _base36(number: int) -> str:
    text = ""
    while number:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
    return text or "0"
