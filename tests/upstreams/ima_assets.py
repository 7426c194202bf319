"""The fake IMA's library: assets that come by URL or in a form, each for the models of one kind."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import web

from tests.upstreams.faults import JSON


@dataclass(slots=True)
class FakeAsset:
    """One of them; `said` is what it was uploaded with."""

    said: dict[str, Any]
    content: bytes = b""
    asset_id: str = field(default_factory=lambda: f"asset-{uuid.uuid4().hex[:12]}")
    status: str = "Active"
    reason: str = ""

    def told(self) -> dict[str, Any]:
        error = {"Code": "Rejected", "Message": self.reason}
        found = {"Id": self.asset_id, "AssetType": self.said.get("asset_type"), "Status": self.status}
        return found | ({"Error": error} if self.status == "Failed" else {})


class FakeLibrary:
    """Assets by id, in the order of their uploads."""

    def __init__(self) -> None:
        self.assets: dict[str, FakeAsset] = {}
        self.asked = 0
        self.next_status = "Active"
        """What the next ones are at first."""
        self.looks = 0
        """How often one that is looked at is said to be so, before it is good."""

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """An answer to whatever is posted below `/v1/assets`."""
        if request.path == "/v1/assets/create":
            return await self._create(request)
        if request.path == "/v1/assets/get":
            self.asked += 1
            asset = self.assets.get(msgspec.json.decode(await request.content.read())["id"])
            return _error("asset not found", 404) if asset is None else _good(self._looked_at(asset).told())
        return _error("Invalid URL", 404)

    async def _create(self, request: web.BaseRequest) -> web.StreamResponse:
        content = b""
        if request.content_type == "multipart/form-data":
            form = await request.post()
            said = {name: value for name, value in form.items() if isinstance(value, str)}
            file = form.get("file")
            content = file.file.read() if isinstance(file, web.FileField) else b""
        else:
            said = msgspec.json.decode(await request.content.read())
        if said.get("asset_type") not in ("Image", "Video", "Audio") or bool(content) == ("url" in said):
            return _error("asset_type, and a url or a file, are required", 400)
        asset = FakeAsset(said, content, status=self.next_status, reason="the face is not clear")
        self.assets[asset.asset_id] = asset
        return _good({"Id": asset.asset_id})

    def _looked_at(self, asset: FakeAsset) -> FakeAsset:
        if asset.status == "Processing" and self.looks > 0:
            self.looks -= 1
        elif asset.status == "Processing":
            asset.status = "Active"
        return asset

    def objection(self, model: str, links: list[str]) -> str | None:
        """Why a video cannot be made with files at these links."""
        wanted = "seedance-upload" if model.startswith("seedance-2.0") else "ima-pro-upload"
        wanted = f"{wanted}-cn" if model.endswith("-cn") else wanted
        for link in links:
            asset = self.assets.get(link.removeprefix("asset://"))
            if link.startswith("asset://") and (asset is None or asset.status != "Active"):
                return f"{link} is not found"
            if asset is not None and asset.said.get("model") != wanted:
                return f"{link} is of another library"
        return None


def _good(data: Any) -> web.StreamResponse:
    return web.Response(body=msgspec.json.encode({"success": True, "message": "", "data": data}), headers=JSON)


def _error(message: str, status: int) -> web.StreamResponse:
    body = {"success": False, "message": message, "error": {"message": message, "type": "x", "code": "x"}}
    return web.Response(status=status, body=msgspec.json.encode(body), headers=JSON)
