"""What each client does with a server whose address and key come as JSON; what they were told is the answer.

They are openai 2.54, genrelay 0.1.1 and kinoapi 0.1.0.
"""

# mypy: ignore-errors
# What it imports is in no environment of ours.

from __future__ import annotations

import base64
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import genrelay
import kinoapi
import openai

FAILS = "never to be seen [[fail:content_policy]]"


def official(address: str, key: str, picture: bytes) -> dict[str, Any]:
    """The official client of the previous major version."""
    with openai.OpenAI(api_key=key, base_url=f"{address}/v1") as client:
        videos = client.videos
        done = videos.create_and_poll(
            model="sora-2", prompt="a boat", seconds="4", size="72x128", poll_interval_ms=50,
            input_reference=("first.png", picture, "image/png"),
        )  # fmt: skip
        content = videos.download_content(done.id).read()
        remix = videos.remix(done.id, prompt="at dawn [[delay:80000]]")
        listed = [one.id for one in videos.list(limit=1)]
        failed = videos.create_and_poll(model="sora-2", prompt=FAILS, poll_interval_ms=50)
        try:
            videos.create(prompt="a boat", seconds="7")
            refused = None
        except openai.BadRequestError as error:
            refused = [error.code, error.param]
        gone = videos.delete(remix.id)
        return {
            "version": openai.__version__,
            "done": [done.status, done.progress, done.seconds, done.size],
            "content": content[4:8].decode(),
            "remix": remix.remixed_from_video_id == done.id,
            "listed": listed == [remix.id, done.id],
            "failed": [failed.status, failed.error.code if failed.error else None],
            "refused": refused,
            "deleted": gone.deleted,
        }


def relay(address: str, key: str, picture: bytes) -> dict[str, Any]:
    """GenRelay's: JSON, whole seconds, pictures as data URLs."""
    with genrelay.GenRelay(key, base_url=f"{address}/v1") as client:
        first = "data:image/png;base64," + base64.b64encode(picture).decode()
        done = client.videos.generate(
            model="veo_3_1", prompt="a fox", seconds=8, size="128x72", poll_interval=0.05,
            metadata={"aspectRatio": "16:9"},
        )  # fmt: skip
        seen = client.videos.generate(
            model="veo3.1-components", prompt="a fox", reference_images=[first], size="72x128", poll_interval=0.05
        )
        with tempfile.TemporaryDirectory() as folder:
            content = client.videos.download(done.id, Path(folder) / "fox.mp4").read_bytes()
        try:
            client.videos.generate(model="sora-2", prompt=FAILS, poll_interval=0.05)
            failed = None
        except genrelay.JobFailedError as error:
            failed = error.video.error.code
        try:
            client.videos.create(model="sora-2", prompt="a fox", seconds=7)
            refused = None
        except genrelay.APIError as error:
            refused = [error.status, error.code]
        return {
            "done": [done.status, done.progress, done.raw["size"]],
            "seen": seen.status,
            "content": content[4:8].decode(),
            "failed": failed,
            "refused": refused,
        }


def kino(address: str, key: str) -> dict[str, Any]:
    """Kino's: new-api's form."""
    client = kinoapi.KinoClient(key, base_url=address)
    done = client.generate_video("sora-2", "a cat", duration=4, ratio="9:16", size="72x128", poll_interval=0.05)
    try:
        client.generate_video("sora-2", FAILS, duration=4, poll_interval=0.05)
        failed = None
    except kinoapi.KinoAPIError as error:
        failed = error.code
    try:
        client.create_video_task("sora-2", "a cat", duration=7)
        refused = None
    except kinoapi.KinoAPIError as error:
        refused = [error.status, error.code, "duration" in str(error)]
    return {
        "models": "sora-2" in client.list_models(),
        "done": [done["status"], done["progress"], done["result_url"].partition("?")[0].startswith(address)],
        "failed": failed,
        "refused": refused,
    }


if __name__ == "__main__":
    told = json.load(sys.stdin)
    drawn = base64.b64decode(told["picture"])
    answer = {
        "openai": official(told["address"], told["key"], drawn),
        "genrelay": relay(told["address"], told["key"], drawn),
        "kinoapi": kino(told["address"], told["key"]),
    }
    json.dump(answer, sys.stdout)
