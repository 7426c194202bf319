"""What openai 2.54 does with pictures at a server whose address and key come as JSON; what it is told is the answer."""

# mypy: ignore-errors
# What it imports is in no environment of ours.

from __future__ import annotations

import base64
import json
import sys
from typing import Any

import openai

SMALL: Any = {"model": "gpt-image-2", "size": "256x256"}


def kind(text: str | None) -> str:
    """The beginning of a file in base64."""
    return base64.b64decode(text or "")[1:4].decode()


def official(address: str, key: str, picture: bytes) -> dict[str, Any]:
    photo = ("photo.png", picture, "image/png")
    with openai.OpenAI(api_key=key, base_url=f"{address}/v1", max_retries=0) as client:
        images = client.images
        made = images.generate(prompt="a boat", quality="low", **SMALL)
        linked = images.generate(prompt="a boat", model="dall-e-2", size="256x256")
        one = images.edit(prompt="at night", image=photo, **SMALL)
        several = images.edit(prompt="at night", image=[photo, photo], mask=photo, **SMALL)
        varied = images.create_variation(image=photo, size="256x256")
        streamed = list(images.generate(prompt="a boat", stream=True, partial_images=1, **SMALL))
        try:
            images.generate(prompt="[[fail:content_policy]]", **SMALL)
            failed = None
        except openai.BadRequestError as error:
            failed = error.code
        return {
            "version": openai.__version__,
            "made": [kind(found.b64_json) for found in made.data],
            "size": made.size,
            "linked": linked.data[0].url.startswith(address) and linked.data[0].b64_json is None,
            "edited": [kind(found.data[0].b64_json) for found in (one, several)],
            "varied": varied.data[0].url.startswith(address),
            "streamed": [(found.type, kind(found.b64_json)) for found in streamed],
            "failed": failed,
        }


if __name__ == "__main__":
    told = json.load(sys.stdin)
    json.dump(official(told["address"], told["key"], base64.b64decode(told["picture"])), sys.stdout)
