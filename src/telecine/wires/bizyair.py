"""BizyAir's open API (docs.bizyair.cn: API reference, tutorials of asynchronous tasks and webhooks; its public skill).

Two kinds of calls. An **app** (`…/webapp/task/openapi/…`) is a published workflow: `web_app_id`, and `input_values` by
node and field (`17:BizyAir_NanoBananaPro.prompt`). A call of the **ModelZoo** (`…/modelzoo/tasks/openapi/{endpoint}`)
is of one model, whose endpoint (`ace-step/text-to-audio`) says what it does; its body is the model's own. Here both are
the operation `workflow`: an endpoint is an app whose id has a slash in it (`is_endpoint`), and whose inputs have plain
names.

Times have no zone and are Shanghai's (`ZONE`); durations are whole milliseconds. Ids of tasks look like UUIDs, but some
of those in the documents are none, so nothing may be read out of them.

What the vendor said beside a job is kept as `nouns.task.Facts` of `bizyair`: `CostTimes` of a task, `Output` of one of
its outputs.
"""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

CHINA: Final = "/w/v1"
CHINA_ZOO: Final = "/x/v1"
ABROAD: Final = "/v1"
"""Before the paths below: api.bizyair.cn has one for apps and one for the ModelZoo, api.bizyair.ai one for both."""
APPS: Final = "/webapp/task/openapi"
ZOO: Final = "/modelzoo/tasks/openapi"
CREATE: Final = "/create"
DETAIL: Final = "/detail"
OUTPUTS: Final = "/outputs"
CANCEL: Final = "/cancel"
"""By PUT: ends what waits."""
INTERRUPT: Final = "/interrupt"
"""By PUT: ends what runs. In China the task is named by `?requestId=`; abroad its id stands before the verb, and alone
for its detail."""
ID: Final = "requestId"
"""In the query, and in one of the two answers to a create that are seen; the other is `request_id`."""

WALLET: Final = "/wallet"
CHINA_WALLET: Final = "/y/v1"
"""What the account has, which costs nothing to ask; in China this is before it."""

ASYNC: Final = "X-Bizyair-Task-Async"
"""A create with `enable` here is answered with the task's id (HTTP 202), else with its result when it has ended."""
ENABLE: Final = "enable"
WEBHOOK: Final = "X-BizyAir-Task-WebHook-Url"
"""Where the result is to be posted; wins over `ASYNC`, and is answered the same."""
AUTHORIZATION: Final = "X-BizyAir-Task-Authorization"
"""What the callback is to have as its own `Authorization` (the ModelZoo's documents), or by this very name (apps')."""
PASSED: Final = "x-bizyair-task-"
"""In lower case, what the headers begin with that the callback has as they came."""
MASK: Final = "X-BizyAir-Log-Mask-Fields"
"""Fields that the vendor's records of calls are not to show."""

OK: Final = 20000
ACCEPTED: Final = 20002
"""Both are good; a task that has failed is answered with `OK` too."""
INVALID: Final = 20015
"""HTTP 400. A type that is wrong is answered with HTTP 500 and no body at all."""
BAD_KEY: Final = 20052
"""HTTP 401; seen as a string."""
NO_BALANCE: Final = (20049, 20050, 20051)
"""HTTP 402 has been seen."""
NO_APP: Final = 20224
"""There is no such app, or not any more."""
NO_NODE_TYPE: Final = 20251
"""The app needs a node that is not installed."""
NO_INPUTS: Final = 40025
"""HTTP 400: `input_values` is missing or empty."""
QUEUE_FULL: Final = 30039
TOO_MANY: Final = 30040
"""As many of the account's tasks run as may."""
NO_MACHINE: Final = (30015, 30016, 30018)
RATE_LIMITED: Final = (50600, 50601, 50602, 50603, 50604)

QUEUED: Final = frozenset({"Queuing", "Pending"})
RUNNING: Final = frozenset({"Preparing", "Running", "Saving"})
DONE: Final = frozenset({"Success"})
FAILED: Final = frozenset({"Failed", "Error"})
CANCELLED: Final = frozenset({"Canceled", "Cancelled"})
"""Words of status. Apps: Queuing, Preparing, Running, Success, Failed, Canceled; the ModelZoo: Pending, Running,
Saving, Success, Failed. Clients guard against the others."""
PASSED_AUDIT: Final = 2
"""`audit_status` of what may be shown; the documents have no other value."""
NO_ERROR: Final = "NOT_ERROR"
TEXT_LINK: Final = "data:text/plain;charset=utf-8;base64,"
"""Before a text, where an app has made one and there is no file of it: ours; BizyAir says nothing of it."""

ZONE: Final = timezone(timedelta(hours=8))
TIME: Final = "%Y-%m-%d %H:%M:%S"
KEPT_DAYS: Final = 15
"""After its day, at midnight, a result is gone (`expired_at`; every sample agrees)."""


def is_endpoint(app: str) -> bool:
    """Whether the id of an app names an endpoint of the ModelZoo."""
    return "/" in app


class CreateTask(msgspec.Struct, omit_defaults=True):
    """The body of a create of an app. What `input_values` leaves out is as the app has it; it must not be empty."""

    web_app_id: int | str | None = None
    """Of its published version; a whole number, which some clients write as text."""
    suppress_preview_output: bool | None = None
    """Whether what is only shown on the way is left out."""
    input_values: dict[str, Any] | None = None


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """HTTP 202, without an envelope. The documents have the one name, what is really sent the other."""

    requestId: str = ""  # noqa: N815  as on the wire
    request_id: str = ""


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """One file. `output_ext` with its dot; `cost_time` in milliseconds."""

    object_url: str | None = None
    output_ext: str = ""
    cost_time: int = 0
    audit_status: int = PASSED_AUDIT
    error_type: str = NO_ERROR


class CostTimes(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds. The first three are seen in every result of an app, of the real ones those that there are, and the
    last in a callback of the ModelZoo, beside the total."""

    inference_cost_time: int | UnsetType = UNSET
    running_cost_time: int | UnsetType = UNSET
    total_cost_time: int | UnsetType = UNSET
    real_cpu_cost_time: int | UnsetType = UNSET
    real_gpu_cost_time: int | UnsetType = UNSET
    real_bizyair_cost_time: int | UnsetType = UNSET
    real_total_cost_time: int | UnsetType = UNSET
    inference_duration: int | UnsetType = UNSET


class QueueInfo(msgspec.Struct, frozen=True, kw_only=True):
    """How many wait before a task."""

    queue_count: int = 0


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a synchronous create answers and a callback brings, without an envelope; the `data` of a detail has no
    outputs, that of an outputs little else. What has not happened yet is left out."""

    type: str = "API"
    status: str = ""
    message: str | UnsetType = UNSET
    """Why it has failed."""
    created_at: str | UnsetType = UNSET
    updated_at: str | UnsetType = UNSET
    executed_at: str | UnsetType = UNSET
    running_at: str | UnsetType = UNSET
    ended_at: str | UnsetType = UNSET
    expired_at: str | UnsetType = UNSET
    request_id: str = ""
    outputs: list[Output] | UnsetType | None = UNSET
    cost_times: CostTimes | UnsetType | None = UNSET
    inference_cost_time: int | UnsetType = UNSET
    """In a detail alone."""
    queueInfo: QueueInfo | UnsetType | None = UNSET  # noqa: N815  as on the wire
    """In a detail of what waits."""


class ZooOutputs(msgspec.Struct, frozen=True, kw_only=True):
    """What a model has made: links, and texts. All are there once it has, empty or not; a task that has failed has
    none, or texts that say why."""

    texts: list[str] | UnsetType | None = UNSET
    images: list[str] | UnsetType | None = UNSET
    videos: list[str] | UnsetType | None = UNSET
    audios: list[str] | UnsetType | None = UNSET
    meshes: list[str] | UnsetType | None = UNSET
    archives: list[str] | UnsetType | None = UNSET


class ZooTask(msgspec.Struct, frozen=True, kw_only=True):
    """A task of the ModelZoo: in the `data` of an envelope (what clients read), or bare (its documents). A callback has
    `created_at` and `cost_times` too, and a `message` only of what has failed."""

    request_id: str = ""
    status: str = ""
    message: str | UnsetType | None = UNSET
    created_at: str | UnsetType = UNSET
    executed_at: str | None = None
    ended_at: str | None = None
    outputs: ZooOutputs | list[Any] | None = None
    cost_times: CostTimes | UnsetType | None = UNSET


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """Around everything but results of apps: good where `code` is `OK`, and `status` says so too."""

    code: int
    message: str = "Ok"
    status: bool = True
    data: Any = None
