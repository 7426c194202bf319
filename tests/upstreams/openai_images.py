"""A fake OpenAI Images API over a real socket: synchronous, with the relays' ways on demand, faults and a journal."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import json
import time
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, Literal

from aiohttp import web
from PIL import Image

from tests.upstreams.faults import FOREVER, Entry, Fault, FaultyServer, Kind, hung_up, left
from tests.upstreams.openai_jobs import Part, answer, error, read_body, spoiled

__all__ = ["API_KEY", "FOREVER", "Entry", "FakeImages", "Fault", "drawn"]

API_KEY: Final = "sk-images-key-of-the-tests-0123456789"
USAGE: Final = {
    "input_tokens": 50,
    "input_tokens_details": {"image_tokens": 40, "text_tokens": 10},
    "output_tokens": 1000,
    "total_tokens": 1050,
}
_PICTURES: Final = ("image/png", "image/jpeg", "image/webp")
_COMMON: Final = {"model", "prompt", "n", "size", "quality", "background", "output_format", "output_compression"}
_KNOWN: Final = {
    "generations": _COMMON | {"moderation", "style", "response_format", "stream", "partial_images", "user"},
    "edits": _COMMON | {"input_fidelity", "response_format", "stream", "partial_images", "user"},
    "variations": {"model", "n", "size", "response_format", "user"},
}
Form = Literal["b64", "url", "data"]


@cache
def drawn(size: str, number: int = 0) -> bytes:
    """A picture of `WIDTHxHEIGHT` that no text compresses away."""
    width, height = map(int, size.split("x"))
    buffer = io.BytesIO()
    noise = hashlib.shake_128(f"{size} {number}".encode()).digest(width * height)
    Image.frombytes("L", (width, height), noise).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


@dataclass
class Drawing:
    """One request that was answered with pictures, or was to be."""

    verb: str
    fields: dict[str, Any]
    files: list[tuple[str, Part]] = field(default_factory=list)


class FakeImages(FaultyServer):
    """`async with FakeImages() as fake`, or `with FakeImages().in_thread() as fake`; then `fake.base_url`.

    `form`: how its pictures come: as base64, at links of its own, or as `data:` URLs in the place of links. `strict`:
    fields that OpenAI does not know are refused, as OpenAI does. `size` is what it draws where nobody says.
    """

    def __init__(
        self, *, form: Form = "b64", strict: bool = True, size: str = "64x64", content: bytes | None = None
    ) -> None:
        super().__init__()
        self.form: Form = form
        self.strict = strict
        self.size = size
        self.content = content
        """What it sends in the place of each picture."""
        self.jobs: list[Drawing] = []
        self.asked: list[Drawing] = []
        """All requests, also those that made nothing."""

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path.startswith("/files/"):
            return await self._file(request)
        if request.headers.get("authorization") != f"Bearer {API_KEY}":
            return error("invalid_api_key", "Incorrect API key provided.")
        match request.method, *request.path.split("/")[1:]:
            case "GET", "v1", "models":
                return answer({"object": "list", "data": [{"id": "gpt-image-2", "object": "model"}]})
            case "POST", "v1", "images", ("generations" | "edits" | "variations") as verb:
                return await self._create(request, verb)
            case "POST", "v1", "chat", "completions":
                return await self._create(request, "chat")
        return error("not_found", f"Invalid URL ({request.method} {request.path})")

    async def _create(self, request: web.BaseRequest, verb: str) -> web.StreamResponse:
        drawing = Drawing(verb, *await read_body(request))
        self.asked.append(drawing)
        if not await self.gates.passed("create"):
            self._note("dropped", detail="hold")
            return hung_up(request)
        fault = await self.due_fault("create")
        if fault and not fault.created:
            response = spoiled(request, fault)
            refused = fault.act in ("refuse", "shape")
            self._note("refused" if refused else "dropped", response.status if refused else -1, fault.act)
            return response
        if refusal := self._refusal(drawing):
            self._note("refused", refusal.status)
            return refusal
        self.jobs.append(drawing)
        self._note("accepted", 200, verb)
        if fault:
            self._note("dropped", -1, fault.act)
            return spoiled(request, fault)
        if not await self.gates.passed("accepted"):
            self._note("dropped", detail="hold")
            return hung_up(request)
        if left(request):
            self._note("dropped", detail="left")
        made = await asyncio.to_thread(self._chat if verb == "chat" else self._images, drawing)
        stream = str(drawing.fields.get("stream", "")).lower() == "true"
        return self._events(drawing, made) if stream else answer(made)

    def _refusal(self, drawing: Drawing) -> web.StreamResponse | None:
        fields, verb = drawing.fields, drawing.verb
        if verb == "chat":
            return None
        if verb != "variations" and not fields.get("prompt"):
            return error("missing_required_parameter", "Missing required parameter: 'prompt'.", "prompt")
        unknown = sorted(set(fields) - _KNOWN[verb]) if self.strict else []
        if unknown:
            return error("unknown_parameter", f"Unknown parameter: '{unknown[0]}'.", unknown[0])
        if verb == "generations":
            return None
        images = [part for name, part in drawing.files if name in {"image", "image[]"}]
        if not images:
            return error("missing_required_parameter", "Missing required parameter: 'image'.", "image")
        wrong = next((part.content_type for _, part in drawing.files if part.content_type not in _PICTURES), None)
        return error("invalid_value", f"Unsupported mimetype ('{wrong}').", "image") if wrong else None

    def _pictures(self, drawing: Drawing) -> list[bytes]:
        size = str(drawing.fields.get("size") or self.size)
        size = size if "x" in size else self.size
        count = int(drawing.fields.get("n") or 1)
        return [self.content or drawn(size, number) for number in range(count)]

    def _images(self, drawing: Drawing) -> dict[str, Any]:
        at = len(self.jobs)
        data: list[dict[str, Any]] = []
        for number, content in enumerate(self._pictures(drawing)):
            text = base64.b64encode(content).decode()
            match self.form:
                case "b64":
                    data.append({"b64_json": text})
                case "url":
                    url = f"{self.base_url}/files/{at}-{number}.png"
                    data.append({"url": url, "revised_prompt": "A boat, revised"})
                case "data":
                    data.append({"url": f"data:image/png;base64,{text}"})
        about = {"size": "64x64", "quality": "high", "background": "opaque", "output_format": "png"}
        return {"created": int(time.time()), "data": data, **(about | {"usage": USAGE} if self.form == "b64" else {})}

    def _events(self, drawing: Drawing, made: dict[str, Any]) -> web.StreamResponse:
        """As many unfinished pictures as were asked for, and the picture."""
        noun = "image_generation" if drawing.verb == "generations" else "image_edit"
        (last,) = made["data"]
        unfinished = base64.b64encode(drawn(self.size, 7)).decode()
        told = [
            {"type": f"{noun}.partial_image", "partial_image_index": number, "b64_json": unfinished}
            for number in range(int(drawing.fields["partial_images"]))
        ]
        about = {name: made[name] for name in ("size", "quality", "usage")}
        told.append({"type": f"{noun}.completed", **last, **about})
        lines = [f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in told]
        return web.Response(text=": hello\n\n" + "".join(lines), content_type="text/event-stream")

    def _chat(self, drawing: Drawing) -> dict[str, Any]:
        """As OpenRouter has it where pictures are base64, else as text with Markdown in it."""
        (content,) = self._pictures(drawing)[:1]
        url = f"data:image/png;base64,{base64.b64encode(content).decode()}"
        message: dict[str, Any] = {"role": "assistant", "content": ""}
        if self.form == "b64":
            message["images"] = [{"type": "image_url", "image_url": {"url": url}}]
        else:
            shown = url if self.form == "data" else f"{self.base_url}/files/{len(self.jobs)}-0.png"
            message["content"] = f"Here it is:\n![image]({shown})\nAnything else?"
        usage = {"prompt_tokens": 7, "completion_tokens": 1290, "total_tokens": 1297}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        return {"id": "chatcmpl-1", "object": "chat.completion", "choices": [choice], "usage": usage}

    async def _file(self, request: web.BaseRequest) -> web.StreamResponse:
        if not await self.gates.passed("file"):
            return hung_up(request)
        at, _, number = request.path.removeprefix("/files/").removesuffix(".png").partition("-")
        drawing = self.jobs[int(at) - 1]
        self._note("download", 200)
        return web.Response(body=self._pictures(drawing)[int(number)], content_type="image/png")

    def _note(self, kind: Kind, code: int = 0, detail: str = "") -> None:
        self.journal.append(Entry(kind, None, None, code, detail, time.time()))
