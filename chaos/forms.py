"""What the applications send: a line for each way to ask for something, in the dialects of several vendors."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from tests.server.pictures import picture

VIDEO: Final = "kling-v2-5-turbo"
"""Every channel makes it, whoever its vendor is."""
COMPOSED: Final = "kling-v1-6"
NEW: Final = "kling-3.0"
IMAGE: Final = "kling-v2-1"
GRID: Final = "midjourney"
ROUTED: Final = "seedance-2.0"
UNITS: Final = {VIDEO: "second", COMPOSED: "second", NEW: "second", IMAGE: "image", GRID: "call", ROUTED: "second"}
"""By model, what it is priced by. What is made lasts a second, or is one picture, so that all cost the same."""
KEPT: Final = "asset://{kept}"
"""Stands in a body for the picture that an account has in its library."""
PICTURE: Final = picture("PNG", (320, 320))
_PICTURE: Final = base64.b64encode(PICTURE).decode()

Body = dict[str, Any]


@dataclass(frozen=True)
class Form:
    """One way. `name` is the prompt, by which everything else is found again; `hook` the URL for webhooks."""

    path: str
    body: Callable[[str, str], Body]
    wrong: tuple[Body, ...]
    """What makes it a request that must be refused; unknown fields could change what a job costs."""
    called: Callable[[Body, str], Body] | None = None
    """The body with the client's own name of the job, where the dialect has such a thing."""
    task: Callable[[Any], str | None] = lambda answer: str(answer["id"])
    """The id in the answer to a create; None where it is a refusal although its status is 200."""
    once: bool = False
    """No vendor documents that a second job with the same name is refused, so an unknown submit is never sent again."""
    always_called: bool = False
    """It is found again by its own name alone: no list shows its prompt."""


def _kling(path: str, **fields: Any) -> Form:
    return Form(
        path=f"/kling/v1/{path}",
        body=lambda name, hook: {"prompt": name, "callback_url": hook, **fields},
        wrong=({"callback_url": "nowhere"}, {"negative_prompt": "no" * 2000}, {"surprise": 1}),
        called=lambda body, name: body | {"external_task_id": name},
        task=lambda answer: str(answer["data"]["task_id"]),
        always_called=path.startswith("images"),
    )


def _openai(path: str, *wrong: Body, **fields: Any) -> Form:
    return Form(
        path=path,
        body=lambda name, hook: {"prompt": name, "webhook_url": hook, "model": VIDEO, **fields},
        wrong=(*wrong, {"n": 99}, {"surprise": 1}),
    )


def _ima(path: str, said: Callable[[str], Body]) -> Form:
    return Form(
        path=f"/ima/v1/{path}",
        body=lambda name, hook: {"model": ROUTED, "duration": 10, "callback_url": hook, **said(name)},
        wrong=({"duration": -1}, {"callback_url": "nowhere"}, {"surprise": 1}),
        task=lambda answer: str(answer["task_id"]),
    )


FORMS: Final[dict[str, Form]] = {
    "kling text2video": _kling("videos/text2video", model_name=VIDEO, duration="10"),
    "kling image2video": _kling("videos/image2video", model_name=VIDEO, duration="10", image=_PICTURE),
    "kling multi-image2video": _kling(
        "videos/multi-image2video", model_name=COMPOSED, image_list=[{"image": _PICTURE}, {"image": _PICTURE}]
    ),
    "kling images": _kling("images/generations", model_name=IMAGE),
    "kling text-to-video": Form(
        path=f"/kling/text-to-video/{NEW}",
        body=lambda name, hook: {"prompt": name, "settings": {"duration": 10}, "options": {"callback_url": hook}},
        wrong=({"settings": {"duration": -5}}, {"surprise": 1}),
        called=lambda body, name: body | {"options": body["options"] | {"external_task_id": name}},
        task=lambda answer: str(answer["data"]["id"]),
        once=True,
    ),
    "openai videos": _openai("/v1/videos", {"seconds": "soon"}, {"size": "0x0"}, seconds="10"),
    "openai images": Form(
        path="/v1/images/generations",
        body=lambda name, hook: {
            "prompt": name, "webhook_url": hook, "model": IMAGE, "async": True, "metadata": {"name": name}
        },
        wrong=({"size": "0x0"}, {"n": 99}, {"surprise": 1}),
    ),
    "relay videos": _openai("/relay/v1/videos", {"seconds": "soon"}, seconds="10"),
    "midjourney imagine": Form(
        path="/mj/submit/imagine",
        body=lambda name, hook: {"prompt": name, "notifyHook": hook, "state": name},
        wrong=({"prompt": ""}, {"prompt": "a boat --ar wide"}, {"surprise": 1}),
        task=lambda answer: answer["result"] if answer["code"] in (1, 22) else None,
        once=True,
    ),
    "ima videos": _ima("videos", lambda name: {"prompt": name}),
    "ima contents": _ima("video/generations", lambda name: {"content": [{"type": "text", "text": name}]}),
    "a picture of the library": Form(
        path="/v1/tasks",
        body=lambda name, hook: {
            "model": VIDEO,
            "prompt": name,
            "duration": 10,
            "inputs": [{"role": "first_frame", "url": KEPT}],
            "external_id": name,
            "webhook_url": hook,
        },
        wrong=({"inputs": [{"role": "first_frame", "url": "asset://nobodys"}]}, {"duration": -1}),
    ),
    "new-api videos": _openai("/v1/video/generations", {"duration": -1}, duration=10),
}  # fmt: skip
"""By the name that a wish has for it."""
