"""`/v1/assets…`: the rows, and the dialect that they make up."""

from __future__ import annotations

from typing import Final

from telecine.assets.uploads import Part
from telecine.dialects.assets import handlers
from telecine.dialects.assets.adding import KINDS, SAID
from telecine.dialects.assets.wire import (
    AssetList,
    AssetObject,
    ChangedAsset,
    ChangedGroup,
    CompletedUpload,
    DeletedAsset,
    GroupList,
    GroupObject,
    NewAsset,
    NewGroup,
    NewUpload,
    QuotaObject,
    UploadObject,
)
from telecine.dialects.dialect import Claim, Dialect
from telecine.dialects.document import PART, PARTS, Query, one_of, whole
from telecine.dialects.rows import Plain
from telecine.dialects.tasks.render import ERRORS
from telecine.nouns.ids import ALPHANUMERIC

_ROOT: Final = "/v1/assets"
_GROUPS: Final = f"{_ROOT}/groups"
_UPLOADS: Final = f"{_ROOT}/uploads"
_PAGE: Final = (
    whole("limit", "How many.", handlers.LIMIT, handlers.MOST),
    Query("after", "The id after which the page begins."),
    Query("search", "What the name has somewhere, in capitals or not."),
)
_FILES: Final = (
    Plain(
        _ROOT,
        "Add a file: named by its URL, in a form, or as the body itself",
        method="POST",
        answer=AssetObject,
        body=NewAsset,
        example={"url": "https://example.com/mara.png", "name": "Mara"},
        status=201,
        forms=True,
        binary=True,
        query=SAID,
        handle=handlers.add,
    ),
    Plain(
        _ROOT,
        "List files",
        answer=AssetList,
        query=(
            *_PAGE,
            one_of("kind", "Only of this kind.", tuple(KINDS)),
            one_of("status", "Only with this status.", handlers.STATES),
            Query("group", "Only of this group."),
        ),
        handle=handlers.list_assets,
    ),
    Plain(f"{_ROOT}/quota", "Read what the library holds, and may", answer=QuotaObject, handle=handlers.quota),
)
_GROUPED: Final = (
    Plain(
        _GROUPS,
        "Make a group",
        method="POST",
        answer=GroupObject,
        body=NewGroup,
        example={"name": "Faces", "description": "Who plays in the film"},
        status=201,
        handle=handlers.add_group,
    ),
    Plain(_GROUPS, "List groups", answer=GroupList, query=_PAGE, handle=handlers.list_groups),
    Plain(f"{_GROUPS}/{{id}}", "Read a group", answer=GroupObject, handle=handlers.read_group),
    Plain(
        f"{_GROUPS}/{{id}}",
        "Change a group",
        method="PATCH",
        answer=GroupObject,
        body=ChangedGroup,
        example={"name": "Faces of the film"},
        handle=handlers.change_group,
    ),
    Plain(
        f"{_GROUPS}/{{id}}",
        "Delete a group; its files stay, in none",
        method="DELETE",
        answer=DeletedAsset,
        handle=handlers.remove_group,
    ),
)
_PARTED: Final = (
    Plain(
        _UPLOADS,
        "Begin a file that comes in parts",
        method="POST",
        answer=UploadObject,
        body=NewUpload,
        example={"bytes": 734003200, "name": "Rushes of day 3"},
        status=201,
        handle=handlers.begin_upload,
    ),
    Plain(f"{_UPLOADS}/{{id}}", "Read which parts have come", answer=UploadObject, handle=handlers.read_upload),
    Plain(
        f"{_UPLOADS}/{{id}}/parts/{{number}}",
        "Send a part, which is the body; sent again, it takes the place of the first",
        method="PUT",
        answer=Part,
        binary=True,
        handle=handlers.put_part,
    ),
    Plain(
        f"{_UPLOADS}/{{id}}/complete",
        "Have the parts put together",
        method="POST",
        answer=AssetObject,
        body=CompletedUpload,
        example={},
        handle=handlers.complete_upload,
    ),
)
_ONE: Final = (
    Plain(f"{_ROOT}/{{id}}", "Read a file's record", answer=AssetObject, handle=handlers.read),
    Plain(
        f"{_ROOT}/{{id}}",
        "Rename a file, or move it to another group",
        method="PATCH",
        answer=AssetObject,
        body=ChangedAsset,
        example={"name": "Mara, smiling"},
        handle=handlers.change,
    ),
    Plain(f"{_ROOT}/{{id}}", "Delete a file", method="DELETE", answer=DeletedAsset, handle=handlers.remove),
    Plain(
        f"{_ROOT}/{{id}}/content",
        "Read a file",
        kind="application/octet-stream",
        query=(one_of("variant", "Which of its files.", handlers.VARIANTS),),
        headers=PART,
        more=PARTS,
        handle=handlers.content,
    ),
)

ASSETS: Final = Dialect(
    name="assets",
    title="Assets",
    about="Files that an account keeps, to refer to in requests as `asset://` and their id.",
    claimed=(Claim(_ROOT),),
    rows=(*_FILES, *_GROUPED, *_PARTED, *_ONE),
    id_form=ALPHANUMERIC,
    errors=ERRORS,
    strict=True,
)
