"""Workflows and calls of them, as the provider is given them."""

from __future__ import annotations

from typing import Any

import msgspec

from telecine.nouns.filling import values_of
from telecine.nouns.request import GenerationRequest
from telecine.nouns.workflow import Workflow
from telecine.providers.base import Job, Submission
from tests.providers.stand_ins import NOW

HANDLE = "7205759403792793600"


def node(kind: str, title: str = "", **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs} | ({"_meta": {"title": title}} if title else {})


BOOK = {
    "3": node(
        "KSampler",
        seed=1,
        steps=4,
        sampler_name="euler",
        model=["4", 0],
        positive=["6", 0],
        negative=["7", 0],
        latent_image=["5", 0],
    ),
    "4": node("CheckpointLoaderSimple", ckpt_name="sd15.safetensors"),
    "5": node("EmptyLatentImage", width=64, height=64, batch_size=5),
    "6": node("CLIPTextEncode", "The page", text="a boat", clip=["4", 1]),
    "7": node("CLIPTextEncode", text="blurry", clip=["4", 1]),
    "8": node("VAEDecode", samples=["3", 0], vae=["4", 2]),
    "9": node("SaveImage", filename_prefix="book/page", images=["8", 0]),
}
"""Five pictures of a book."""
CLIP = {
    "10": node("LoadImage", image="example.png"),
    "20": node("SaveVideo", filename_prefix="clip", video=["10", 0]),
}
"""A clip of a picture."""
WORDS = {
    "1": node("ShowText", text="nothing yet"),
    "2": node("SaveAudio", filename_prefix="voice", audio=["1", 0]),
    "3": node("PreviewImage", images=["1", 0]),
}
"""Words, and a sound of them."""


def graph(**more: Any) -> dict[str, Any]:
    """The book, with other nodes beside its own, or in their place."""
    return {**BOOK, **{name.removeprefix("n"): one for name, one in more.items()}}


def workflow(nodes: dict[str, Any] | None = None, **fields: Any) -> Workflow:
    given = {
        "web_app_id": "37429",
        "name": "picture-book",
        "graph": BOOK if nodes is None else nodes,
        "prompt": "6:CLIPTextEncode.text",
        "seed": "3:KSampler.seed",
        "count": "5:EmptyLatentImage.batch_size",
        "inputs": ["3:KSampler.steps"],
    }
    return msgspec.convert({**given, **fields}, Workflow)


def clip() -> Workflow:
    """A workflow that takes a picture."""
    given = {"web_app_id": "1", "name": "clip", "graph": CLIP, "image": "10:LoadImage.image"}
    return msgspec.convert(given, Workflow)


def submission(flow: Workflow | None = None, handle: str = HANDLE, **fields: Any) -> Submission:
    """A call of `flow`, as the house has understood it."""
    flow = flow or workflow()
    asked = GenerationRequest(**{"operation": "workflow", "model": flow.name, **fields})
    request = values_of(flow, asked)
    return Submission(request=request, model=flow.name, handle=handle, callback_url=None, workflow=flow)


def job(name: str | None, handle: str = HANDLE) -> Job:
    return Job("workflow", "picture-book", handle, name, NOW)
