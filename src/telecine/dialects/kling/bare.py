"""Whose `POST /v1/images/generations` is, where Kling and OpenAI have the same path: the one place that decides it."""

from __future__ import annotations

from telecine.accounts.pairs import signer_of
from telecine.dialects.bodies import Body
from telecine.dialects.call import Call


def is_klings(call: Call, body: Body) -> bool:
    """Whether a create at that path, without `/kling` before it, is Kling's: it says `model_name`; or it says neither
    that nor `model`, and came with a token that a client of Kling's has signed."""
    if body.fields.get("model_name") or body.fields.get("model"):
        return bool(body.fields.get("model_name"))
    _, _, token = call.request.headers.get("authorization", "").partition(" ")
    return signer_of(token.strip()) is not None
