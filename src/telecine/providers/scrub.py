"""What an upstream said, fit for a client."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from telecine.providers.base import Channel

_MOST: Final = 500
_JWT: Final = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*")


def scrubbed(text: str, channel: Channel) -> str:
    """`text` on one line without the upstream's addresses and our credentials, 500 characters at most."""
    address = urlsplit(channel.base_url)
    hosts = (address.netloc, address.hostname)
    secrets = (channel.api_key, channel.access_key, channel.secret_key, channel.webhook_secret)
    # The longest first: one may begin with another.
    for private in sorted(filter(None, (*secrets, *hosts)), key=len, reverse=True):
        pattern = re.escape(private)
        if private in hosts:  # with the rest of its URL: at a relay the path may be a secret too
            pattern = rf"(?:https?://)?{pattern}(?:[:/?][^\s\"'<>,]+)?"
        text = re.sub(pattern, "***", text, flags=re.IGNORECASE)
    return " ".join(_JWT.sub("***", text).split())[:_MOST]
