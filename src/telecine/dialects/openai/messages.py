"""The relays' envelope of errors: OpenAI's with the message in Chinese beside it (wire table C.4)."""

from __future__ import annotations

from typing import Final

import msgspec

from telecine.dialects.errors import Errors, Told
from telecine.dialects.openai.render import ERRORS, TYPES
from telecine.nouns.errors import ErrorCode

CHINESE: Final[dict[ErrorCode, str]] = {
    "invalid_request": "请求参数无效",
    "unsupported_parameter": "不支持该参数",
    "authentication": "API Key 无效",
    "permission": "没有权限",
    "insufficient_balance": "余额不足",
    "not_found": "任务或资源不存在",
    "conflict": "请求冲突",
    "too_large": "内容过大",
    "rate_limited": "请求过于频繁,请稍后再试",
    "capacity": "系统繁忙,请稍后再试",
    "content_policy": "内容未通过安全审核",
    "upstream_refused": "上游拒绝了请求",
    "upstream_failed": "上游处理失败",
    "submission_unknown": "提交结果未知,请勿重复提交",
    "expired": "任务已过期",
    "cancelled": "任务已取消",
    "unavailable": "服务暂不可用",
    "internal": "服务器内部错误",
}


class RelayErrorBody(msgspec.Struct, frozen=True):
    """What went wrong. `param` names the field at fault, `code` is ours; the documented sample has neither."""

    message: str
    message_zh: str
    type: str
    param: str | None
    code: str


class RelayErrorAnswer(msgspec.Struct, frozen=True):
    """The envelope."""

    error: RelayErrorBody


def _envelope(told: Told) -> RelayErrorAnswer:
    kind = TYPES.get(told.error.code, "invalid_request_error")
    at = f"({told.param})" if told.param else ""
    chinese = f"{CHINESE[told.error.code]}{at}"
    return RelayErrorAnswer(RelayErrorBody(told.message, chinese, kind, told.param, str(told.code)))


RELAY_ERRORS: Final = Errors(
    envelope=_envelope, shape=RelayErrorAnswer, codes=ERRORS.codes, finer=ERRORS.finer, fields=ERRORS.fields
)
