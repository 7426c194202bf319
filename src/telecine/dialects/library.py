"""Files of a client's library, which it names as `asset://<id>` wherever a dialect takes a media URL."""

from __future__ import annotations

from typing import Final

from telecine.accounts.principal import Principal
from telecine.assets.library import Assets
from telecine.media.formats import kind_of
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.ids import ASSET_SCHEME as SCHEME
from telecine.nouns.ids import parse_asset_id
from telecine.nouns.request import MediaInput, Role

_MOST_NAME: Final = 100
"""Characters of an id that an error repeats."""
_NOUNS: Final = {"image": "an image", "video": "a video", "audio": "a sound"}


def is_asset(text: str) -> bool:
    """Whether `text` is meant as a file of the library."""
    return text[: len(SCHEME)].lower() == SCHEME


async def from_library(assets: Assets, principal: Principal, url: str, param: str) -> MediaInput:
    """The file that `url` names, in the role of its own kind. Raises GatewayError naming `param`: `not_found` for what
    is not there, or not the caller's; whatever else the library says of a file that cannot be used yet."""
    name = url.strip()[len(SCHEME) :]
    number = parse_asset_id(name)
    if number is None:
        raise _missing(name, param)
    try:
        return await assets.resolve(principal, number)
    except GatewayError as error:
        if error.code == "not_found":
            raise _missing(name, param) from None
        raise GatewayError(error.code, f"{param}: {error.message}", param=param) from None


def check_kind(item: MediaInput, role: Role, param: str) -> None:
    """Raise GatewayError (`invalid_request` naming `param`) where what has this role is of another kind."""
    wanted, kind = kind_of(role), kind_of(item.role)
    if kind != wanted:
        raise invalid(f"'{param}' needs {_NOUNS[wanted]}, not {_NOUNS[kind]}.", param)


def _missing(name: str, param: str) -> GatewayError:
    message = f"{param}: there is no asset '{name[:_MOST_NAME]}', or it is not yours."
    return GatewayError("not_found", message, param=param)
