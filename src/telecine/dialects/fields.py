"""What a dialect calls the fields that errors are about, so that a caller reads the names that it wrote."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from telecine.nouns.errors import ErrorCode, GatewayError, TaskError

_AT_FAULT: Final = ("invalid_request", "unsupported_parameter")
_NAMING: Final = ("source", "parameters.")
"""Fields that name what a request follows up or is made with, which may not be there."""


class Fields:
    """The names of one dialect. Errors raised below it name fields neutrally (`duration`, `parameters.mode`)."""

    def __init__(self, names: Mapping[str, str], media: str | None = None) -> None:
        """`names`: by neutral name, where the dialect has another; `media`: what it calls an input of any role."""
        self._names = names
        self._media = media

    def name(self, param: str | None) -> str | None:
        """The dialect's own name of the field `param`."""
        if param is None:
            return None
        if param in self._names:
            return self._names[param]
        if self._media is not None and param.startswith("inputs."):
            return self._media
        return param if self._media is None else param.removeprefix("parameters.")

    def message(self, text: str, param: str | None, code: ErrorCode = "invalid_request") -> str:
        """`text` with the dialect's own name of `param` in it, where the request is at fault.

        `model` is a word of everyday language too and stays.
        """
        name = self.name(param)
        if name is None or param is None:
            return text
        if code not in _AT_FAULT and not (code == "not_found" and param.startswith(_NAMING)):
            return text
        neutral = param.rpartition(".")[2]
        if neutral not in (name, "model"):
            text = re.compile(rf"(?<![\w.]){re.escape(neutral)}(?![\w.]*\w)").sub(lambda _: name, text)
        return text if name in text else f"{name}: {text}"

    def error(self, error: TaskError) -> str:
        """The message of a task's error, in the same way."""
        return self.message(error.message, error.param, error.code)


def renamed(error: GatewayError, names: Mapping[str, str]) -> GatewayError:
    """`error` with the field that it is about as `names` has it, by neutral name; as it is, where that has none."""
    if error.param is None or error.param not in names:
        return error
    return GatewayError(
        error.code,
        Fields(names).message(error.message, error.param, error.code),
        param=names[error.param],
        retry_after=error.retry_after,
        may_retry=error.may_retry,
    )
