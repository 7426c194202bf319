"""What IMA's bodies mean to the library, and how it writes groups and files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from msgspec import UNSET

from telecine.assets.asset import Asset, Group, State
from telecine.dialects.aliases import agreed
from telecine.dialects.bodies import Body, Known, present, read_object, release, typed
from telecine.dialects.call import Call
from telecine.dialects.ima.spelling import snaked
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.ids import parse_asset_id, to_base32
from telecine.wires.ima import assets as wire

_STATUS: Final[dict[State, str]] = {
    "uploading": wire.PROCESSING,
    "processing": wire.PROCESSING,
    "ready": wire.ACTIVE,
    "failed": wire.FAILED,
}
_FILTERS: Final[dict[Any, Known]] = {
    wire.AssetListRequest: Known.of(wire.AssetListFilters),
    wire.AssetGroupListRequest: Known.of(wire.AssetGroupListFilters),
}
"""By the type of a body, the names within its `filters`."""
_NEWEST: Final = {"sort_by": ("created_at", "create_time"), "sort_order": ("desc",)}
"""The one order of a list, and its names."""
_MOST_PAGES: Final = 10_000
T = TypeVar("T")


async def read(call: Call, kind: type[T]) -> T:
    """The body. Raises GatewayError, for fields that nobody knows too."""
    body = await read_object(call.request)
    try:
        said: T = understood(body, kind)
        return said
    finally:
        release(call.request.scope)


def understood(body: Body, kind: Any) -> Any:
    """The body as that type. Raises GatewayError."""
    known, filters = Known.of(kind), _FILTERS.get(kind, Known(()))
    body = snaked(body, known, filters=filters)
    unknown = next(iter(body.unknown(known)), None)
    inner = body.inner("filters")
    if unknown is None and inner is not None:
        unknown = next(iter(inner.unknown(filters)), None)
    if unknown is not None:
        raise GatewayError("unsupported_parameter", f"'{unknown[:64]}' is not known here.", param=unknown[:64])
    said = typed(present(body.known(known)), kind)
    project = said.project_name
    if project not in (None, wire.PROJECT):
        message = f"project_name: there is one project here, '{wire.PROJECT}'; leave it out."
        raise GatewayError("unsupported_parameter", message, param="project_name")
    return said


def number_of(text: str | None, param: str = "id") -> int:
    """What an id of a file or a group says. Raises GatewayError (`not_found`)."""
    number = parse_asset_id((text or "").removeprefix(wire.SCHEME))
    if number is None:
        raise GatewayError("not_found", f"{param}: there is no '{(text or '')[:128]}'.", param=param)
    return number


def named(said: wire.AssetGetRequest) -> int:
    """The file or the group that a body names. Raises GatewayError."""
    name = agreed(*((one, getattr(said, one)) for one in ("id", "asset_id", "group_id")))
    if name is None:
        raise invalid("id: is required.", "id")
    return number_of(name)


def page_of(said: wire.AssetListRequest | wire.AssetGroupListRequest) -> tuple[int, int]:
    """Number and size. Raises GatewayError."""
    for name, words in _NEWEST.items():
        if getattr(said, name) not in (None, *words):
            message = f"{name}: lists are by creation, the newest first; leave it out, or write '{words[0]}'."
            raise GatewayError("unsupported_parameter", message, param=name)
    found = []
    for name, default, most in (("page_number", 1, _MOST_PAGES), ("page_size", wire.PAGE_SIZE, wire.MOST_PAGE)):
        value = getattr(said, name)
        if value is not None and not 1 <= value <= most:
            raise invalid(f"{name}: must be from 1 to {most}.", name)
        found.append(value or default)
    return found[0], found[1]


def checked(text: str | None, param: str, most: int) -> str | None:
    """`text`, where it is no longer than that. Raises GatewayError."""
    if text is not None and len(text) > most:
        raise invalid(f"{param}: at most {most} characters.", param)
    return text


def group_ids(names: Sequence[str] | None) -> tuple[int, ...]:
    """What is no group's id has no files, and no number either. Raises GatewayError for more than a page has."""
    if names and len(names) > wire.MOST_PAGE:
        message = f"filters.group_ids: {len(names)} of them; at most {wire.MOST_PAGE}."
        raise invalid(message, "filters.group_ids")
    return tuple(parse_asset_id(one) or 0 for one in names or ())


def states_of(words: Sequence[str]) -> tuple[str, ...]:
    """Our states of files that IMA calls so. Raises GatewayError."""
    known = {word.lower() for word in _STATUS.values()}
    strange = next((word for word in words if word.lower() not in known), None)
    if strange is not None:
        named = ", ".join(dict.fromkeys(_STATUS.values()))
        raise invalid(f"filters.statuses: '{strange[:40]}' is not one of {named}.", "filters.statuses")
    return tuple(state for state, word in _STATUS.items() if word.lower() in {one.lower() for one in words})


def asset_name(number: int) -> str:
    """The id of a file, as Ark's look."""
    return f"asset-{to_base32(number)}"


def group_name(number: int) -> str:
    """The same of a group."""
    return f"group-{to_base32(number)}"


def group_item(group: Group) -> wire.AssetGroupItem:
    """A group."""
    return wire.AssetGroupItem(
        id=group_name(group.id),
        name=group.name,
        title=group.name,
        description=group.about,
        group_type=group.type or wire.GROUP_TYPE,
        create_time=_time(group.created_at),
        update_time=_time(group.updated_at),
    )


def asset_item(call: Call, asset: Asset) -> wire.AssetItem:
    """A file."""
    name, error = asset_name(asset.id), asset.error
    return wire.AssetItem(
        id=name,
        name=asset.name,
        url=call.edge.assets.link(asset) or "",
        group_id="" if asset.group_id is None else group_name(asset.group_id),
        asset_type="" if asset.kind is None else wire.KINDS[asset.kind],
        status=_STATUS[asset.state],
        error=UNSET if error is None else wire.AssetFault(error.code, error.message),
        create_time=_time(asset.created_at),
        update_time=_time(asset.updated_at),
        asset_ref=f"{wire.SCHEME}{name}",
    )


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
