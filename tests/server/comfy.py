"""A server whose workflows run on a ComfyUI."""

from __future__ import annotations

import json
from pathlib import Path

from tests.providers.comfyui.requests import BOOK, CLIP, WORDS
from tests.upstreams.comfyui import FakeComfy

NETWORK = """
[network]
allow_private = ["127.0.0.1/32"]
"""
FLOWS = """
[[workflows]]
web_app_id = 37429
name = "picture-book"
file = "book.json"
prompt = "6:CLIPTextEncode.text"
seed = "3:KSampler.seed"
count = "5:EmptyLatentImage.batch_size"
inputs = ["3:KSampler.steps"]

[[workflows]]
web_app_id = 41082
name = "clip"
file = "clip.json"
image = "10:LoadImage.image"

[[workflows]]
web_app_id = 1
name = "voice"
file = "words.json"
prompt = "1:ShowText.text"

[[workflows]]
web_app_id = 2
name = "words"
file = "words.json"
prompt = "1:ShowText.text"
output = "1"
"""
"""Five pictures of a book, a clip of a picture, a sound with its words, and words alone."""


def written(folder: Path) -> None:
    """Put the files of the workflows where the configuration will be."""
    for name, graph in (("book", BOOK), ("clip", CLIP), ("words", WORDS)):
        (folder / f"{name}.json").write_text(json.dumps(graph), encoding="utf-8")


def channel(fake: FakeComfy, name: str = "comfy", more: str = "") -> str:
    """One server, for all workflows."""
    key = f'\napi_key = "{fake.api_key}"' if fake.api_key else ""
    return f"""
[[channels]]
name = "{name}"
provider = "comfyui"
base_url = "{fake.base_url}"{key}
models = ["*"]
{more}
"""
