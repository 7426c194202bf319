"""IMA's assets: a test for each of its operations, over a real library."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from telecine.dialects.bodies import parse_object
from telecine.dialects.ima import IMA, IMA_ASSETS
from telecine.dialects.ima.library import group_ids, page_of, states_of, understood
from telecine.nouns.errors import GatewayError
from telecine.nouns.ids import parse_asset_id
from telecine.wires.ima import assets as wire
from telecine.wires.ima.errors import ErrorResponse
from tests import records
from tests.assets.house import House as Library
from tests.dialects.house import House
from tests.media.fakes import PNG

URL = "https://pictures.test/boat.png"


class Assets(House):
    """A house of fakes whose library is a real one."""

    def __init__(self, library: Library) -> None:
        super().__init__(IMA_ASSETS, IMA)
        self.library = library
        self.edge = msgspec.structs.replace(self.edge, assets=library.assets)
        self.app._app.state.edge = self.edge  # type: ignore[attr-defined]

    async def post(self, path: str, body: Any = None, *, root: str = "/ima", **more: Any) -> Any:
        """The `data` of a good answer."""
        self.library.clock.advance(1)  # whatever is made is later than what was there
        answer = await self.call("POST", root + path, **({"json": body or {}} if "files" not in more else {}), **more)
        assert answer.status_code == 200, answer.text
        told = answer.json()
        assert (told.pop("success"), told.pop("message"), [*told]) == (True, "", ["data"])
        return told["data"]

    async def refused(self, path: str, body: Any, **more: Any) -> tuple[int, str, str | None]:
        """The status of an error, its code, and the field that it names."""
        answer = await self.call("POST", f"/ima{path}", json=body, **more)
        told = msgspec.json.decode(answer.content, type=ErrorResponse)
        assert msgspec.to_builtins(told) == answer.json()
        assert (told.success, told.message) == (False, told.error.message)
        return answer.status_code, told.error.code, told.error.param


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Assets]:
    records.begin(tmp_path / "telecine.db")
    async with Library(tmp_path, f"sqlite:///{tmp_path / 'telecine.db'}").opened() as library:
        yield Assets(library)


async def test_asset_group_create(house: Assets) -> None:
    """创建素材分组."""
    told = await house.post(wire.GROUP_CREATE, {"name": "Boats", "description": "of paper", "model": "seedance-upload"})
    assert told == {
        "Id": told["Id"], "Name": "Boats", "Title": "Boats", "Description": "of paper", "GroupType": "AIGC",
        "ProjectName": "default", "CreateTime": told["CreateTime"], "UpdateTime": told["CreateTime"],
    }  # fmt: skip
    assert told["Id"].startswith("group-")
    assert parse_asset_id(told["Id"]) is not None
    pascal = await house.post(
        wire.GROUP_CREATE, {"Name": "Cats", "GroupType": "LivenessFace", "ProjectName": "default"}
    )
    assert (pascal["Name"], pascal["GroupType"]) == ("Cats", "LivenessFace")
    assert (await house.refused(wire.GROUP_CREATE, {"name": "x" * 65}))[2] == "name"
    assert (await house.refused(wire.GROUP_CREATE, {"name": "x", "description": "y" * 301}))[2] == "description"


async def test_asset_group_list_get_and_update(house: Assets) -> None:
    """查询素材分组列表, 查询单个素材分组, 更新素材分组."""
    ids = [(await house.post(wire.GROUP_CREATE, {"name": f"Boats {one}"}))["Id"] for one in range(3)]
    page = await house.post(wire.GROUP_LIST, {"filters": {"name": "boats"}, "page_number": 2, "page_size": 2})
    assert {name: page[name] for name in ("TotalCount", "PageNumber", "PageSize")} == {
        "TotalCount": 3, "PageNumber": 2, "PageSize": 2,
    }  # fmt: skip
    assert [one["Name"] for one in page["Items"]] == ["Boats 0"]
    chosen = await house.post(wire.GROUP_LIST, {"Filters": {"GroupIds": [ids[1], "nobody's"]}})
    assert [one["Id"] for one in chosen["Items"]] == [ids[1]]
    assert await house.post(wire.GROUP_UPDATE, {"id": ids[0], "name": "Ships", "description": "d"}) == {"Id": ids[0]}
    shown = await house.post(wire.GROUP_GET, {"Id": ids[0]})
    assert (shown["Name"], shown["Description"]) == ("Ships", "d")
    assert await house.refused(wire.GROUP_GET, {"id": ids[0]}, headers={"x-account": "2"}) == (404, "not_found", "id")
    assert (await house.refused(wire.GROUP_UPDATE, {"id": ids[0]}))[2] == "name"
    assert (await house.post(wire.GROUP_LIST, {}, headers={"x-account": "2"}))["Items"] == []


async def test_asset_create_by_file(house: Assets) -> None:
    """上传素材(创建素材), in a form; then `asset://…` is an input."""
    group = (await house.post(wire.GROUP_CREATE, {"name": "Boats"}))["Id"]
    form = {"group_id": (None, group), "asset_type": (None, "Image"), "file": ("boat.png", PNG, "image/png")}
    name = (await house.post(wire.CREATE, files=form))["Id"]
    told = await house.post(wire.GET, {"id": name})
    assert told == {
        "Id": name, "Name": "boat.png", "URL": told["URL"], "GroupId": group, "AssetType": "Image", "Status": "Active",
        "ProjectName": "default", "CreateTime": told["CreateTime"], "UpdateTime": told["UpdateTime"],
        "AssetRef": f"asset://{name}",
    }  # fmt: skip
    assert told["URL"].startswith("http://gateway/media/")
    body = {"model": "ima-pro", "prompt": "it sails", "images": [told["AssetRef"]]}
    assert (await house.call("POST", "/ima/v1/videos", json=body)).status_code == 200
    (item,) = house.request.inputs
    assert (item.role, item.asset_id) == ("reference", parse_asset_id(name))
    answer = await house.call("POST", "/ima/v1/videos", json=body, headers={"x-account": "2"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


async def test_asset_create_by_url(house: Assets) -> None:
    """上传素材(创建素材), from a URL: it is fetched after the answer."""
    name = (await house.post(wire.CREATE, {"url": URL, "name": "Boat", "AssetType": "Image"}, root=""))["Id"]
    told = await house.post(wire.GET, {"id": name})
    assert (told["Name"], told["Status"], told["AssetType"], told["URL"]) == ("Boat", "Processing", "Image", "")
    answer = await house.call("POST", "/ima/v1/images/generations", json=edit(name))
    assert (answer.status_code, answer.json()["error"]["code"], house.tasks.created) == (409, "conflict", [])
    for body, param in (
        ({}, "url"),
        ({"url": "http://10.0.0.1/x"}, "url"),
        ({"url": URL, "asset_type": "Text"}, "asset_type"),
        ({"url": URL, "group_id": "group-06xx11d95wm5j"}, "group_id"),
        ({"url": URL, "group_id": "boats"}, "group_id"),
        ({"url": URL, "callback_url": URL}, "callback_url"),
    ):
        assert (await house.refused(wire.CREATE, body))[2] == param


def edit(name: str) -> dict[str, Any]:
    return {"model": "gemini-3-pro-image-preview", "prompt": "a", "image": f"asset://{name}"}


async def test_asset_list(house: Assets) -> None:
    """查询素材列表."""
    group = (await house.post(wire.GROUP_CREATE, {"name": "Boats"}))["Id"]
    for number in range(3):
        form = {"name": (None, f"boat {number}"), "file": ("boat.png", PNG, "image/png")}
        await house.post(wire.CREATE, files=form | ({"group_id": (None, group)} if number else {}))
    await house.post(wire.CREATE, {"url": URL, "name": "Still to come"})
    page = await house.post(wire.LIST, {"page_size": 3, "sort_by": "created_at", "sort_order": "desc"}, root="")
    assert (page["TotalCount"], page["PageNumber"], page["PageSize"], len(page["Items"])) == (4, 1, 3, 3)
    for only, names in (
        ({"group_ids": [group]}, {"boat 1", "boat 2"}),
        ({"statuses": ["Processing"]}, {"Still to come"}),
        ({"Statuses": ["Active"], "name": "0"}, {"boat 0"}),
        ({"group_ids": ["nobody's"]}, set()),
    ):
        found = await house.post(wire.LIST, {"filters": only})
        assert {one["Name"] for one in found["Items"]} == names
    assert (await house.post(wire.LIST, {}, headers={"x-account": "2"}))["TotalCount"] == 0


async def test_asset_get_and_rename(house: Assets) -> None:
    """查询单个素材, 更新素材名称; and a delete."""
    name = (await house.post(wire.CREATE, files={"file": ("boat.png", PNG, "image/png")}))["Id"]
    assert await house.post(wire.UPDATE, {"id": f"asset://{name}", "name": "Ship"}) == {"Id": name}
    assert (await house.post(wire.GET, {"assetId": name}))["Name"] == "Ship"
    assert (await house.refused(wire.UPDATE, {"id": name}))[2] == "name"
    assert (await house.refused(wire.GET, {}))[2] == "id"
    for path, body in ((wire.GET, {}), (wire.UPDATE, {"name": "Mine"}), (wire.DELETE, {})):
        other = await house.refused(path, {"id": name, **body}, headers={"x-account": "2"})
        assert other == (404, "not_found", "id")
    assert await house.post(wire.DELETE, {"id": name}) == {"deleted": True}
    assert (await house.refused(wire.GET, {"id": name}))[0] == 404


async def test_what_is_too_large_or_of_another_kind_is_refused_by_name(house: Assets) -> None:
    house.library.bounded(asset_size=len(PNG) - 1)
    file = ("boat.png", PNG, "image/png")
    for more, expected in (({}, (413, "too_large")), ({"asset_type": (None, "Video")}, (400, "invalid_request"))):
        answer = await house.call("POST", f"/ima{wire.CREATE}", files={"file": file, **more})
        told = msgspec.json.decode(answer.content, type=ErrorResponse).error
        assert (answer.status_code, told.code, told.param) == (*expected, "file")
        house.library.bounded(asset_size=len(PNG))
    assert (await house.post(wire.QUOTA))["current_count"] == 0
    name = (await house.post(wire.CREATE, files={"file": file}))["Id"]
    body = {"model": "ima-pro", "prompt": "a", "metadata": {"reference_video_urls": [f"asset://{name}"]}}
    answer = await house.call("POST", "/ima/v1/videos", json=body)
    told = msgspec.json.decode(answer.content, type=ErrorResponse).error
    assert (answer.status_code, told.param) == (400, "metadata.reference_video_urls")
    assert house.tasks.created == []


async def test_asset_quota(house: Assets) -> None:
    """查询素材配额信息; and what is refused once it is spent."""
    house.library.bounded(assets=1)
    await house.post(wire.CREATE, files={"file": ("boat.png", PNG, "image/png")})
    told = await house.post(wire.QUOTA)
    assert {name: told[name] for name in ("enabled", "max_count_per_user", "current_count", "current_bytes")} == {
        "enabled": True, "max_count_per_user": 1, "current_count": 1, "current_bytes": len(PNG),
    }  # fmt: skip
    assert await house.refused(wire.CREATE, {"url": URL}) == (403, "permission", "quota")


@pytest.mark.parametrize(
    ("kind", "body", "code", "param"),
    [
        (wire.AssetGroupCreateRequest, {}, "invalid_request", "name"),
        (wire.AssetGroupCreateRequest, {"name": "a", "Name": "b"}, "invalid_request", "name"),
        (wire.AssetGroupCreateRequest, {"name": "a", "project_name": "mine"}, "unsupported_parameter", "project_name"),
        (wire.AssetGroupCreateRequest, {"name": "a", "colour": "red"}, "unsupported_parameter", "colour"),
        (
            wire.AssetGroupListRequest,
            {"filters": {"statuses": ["Active"]}},
            "unsupported_parameter",
            "filters.statuses",
        ),
        (wire.AssetGroupListRequest, {"filters": []}, "invalid_request", "filters"),
        (wire.AssetListRequest, {"page_number": "two"}, "invalid_request", "page_number"),
        (wire.AssetGetRequest, {"id": 7}, "invalid_request", "id"),
    ],
)
def test_bad_input_is_refused_by_name(kind: Any, body: dict[str, Any], code: str, param: str) -> None:
    with pytest.raises(GatewayError) as refused:
        understood(parse_object(msgspec.json.encode(body)), kind)
    assert (refused.value.code, refused.value.param) == (code, param)


def test_pages_and_states_are_bounded() -> None:
    for said, param in (
        ({"page_number": 0}, "page_number"),
        ({"page_size": 201}, "page_size"),
        ({"sort_by": "size"}, "sort_by"),
        ({"sort_order": "asc"}, "sort_order"),
    ):
        with pytest.raises(GatewayError) as refused:
            page_of(msgspec.convert(said, wire.AssetListRequest))
        assert refused.value.param == param
    assert states_of(["active", "Processing"]) == ("uploading", "processing", "ready")
    with pytest.raises(GatewayError, match="statuses"):
        states_of(["Gone"])
    assert group_ids(["group-none"] * 200) == (0,) * 200
    with pytest.raises(GatewayError, match="group_ids"):
        group_ids(["group-none"] * 201)
