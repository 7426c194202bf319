"""A server whose workflows run on a ComfyUI."""

from __future__ import annotations

import json
from pathlib import Path

from tests.providers.comfyui.requests import BOOK, CLIP
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
"""
"""Five pictures of a book, and a clip of a picture."""


def written(folder: Path) -> None:
    """Put the files of the workflows where the configuration will be."""
    for name, graph in (("book", BOOK), ("clip", CLIP)):
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
