"""The relay as a vendor: its forms, the one to be preferred first, and what its channels may say."""

from __future__ import annotations

from typing import Final, Literal

from msgspec.structs import replace

from telecine.providers.http.facts import HttpOptions, Vendor
from telecine.providers.relay.chat import CHAT
from telecine.providers.relay.newapi import NEW_API
from telecine.providers.relay.official import OFFICIAL
from telecine.providers.relay.unified import UNIFIED
from telecine.wires import openai as wire


class RelayOptions(HttpOptions, frozen=True, forbid_unknown_fields=True):
    """What a channel of a relay may say."""

    form: Literal["official", "unified", "new-api", "chat"] | None = None
    """In which form it is spoken to; None: it is asked once which it serves."""


_OFFICIAL: Final = replace(OFFICIAL, name="relay", title="The relay", options=RelayOptions, sign=f"{wire.PATH}/{{id}}")
RELAY: Final[Vendor] = replace(
    _OFFICIAL,
    forms={
        "official": _OFFICIAL,
        **{
            name: replace(one, options=RelayOptions)
            for name, one in (("unified", UNIFIED), ("new-api", NEW_API), ("chat", CHAT))
        },
    },
    form=lambda channel: channel.option(RelayOptions).form,
)
