"""One line for every route, and for every body that is sent: what the OpenAPI document and the page at `/docs` say."""

from __future__ import annotations

from typing import Any, Final, get_args

from telecine.accounts.holders import NewAccount
from telecine.accounts.keys import KeyInfo
from telecine.accounts.statement import EntryPage
from telecine.accounts.terms import AccountChanges, Changes
from telecine.admin import webhooks
from telecine.admin.accounts import AccountInfo, WantedErasure
from telecine.admin.keys import ChannelTest, NewKey
from telecine.admin.money import Deposited, LedgerCheck, MarginList, NewDeposit, PriceList
from telecine.dialects.billing.account import AccountObject
from telecine.dialects.billing.dashboard import BillingUsage, Subscription
from telecine.dialects.billing.kling import CostsEnvelope
from telecine.dialects.billing.relay import Pricing, TokenUsageAnswer
from telecine.dialects.kling import render as kling_render
from telecine.dialects.models import ModelObject
from telecine.dialects.openai.create import CreateVideo
from telecine.dialects.openai.render import DeletedVideo, Video, VideoList
from telecine.dialects.tasks.create import CreateTask
from telecine.dialects.tasks.render import TaskEvent, TaskList, TaskObject
from telecine.nouns.task import Status
from telecine.server.answers import (
    ChannelList,
    DashboardRefusal,
    Deleted,
    DeliveryList,
    FileError,
    KeyList,
    ModelList,
    NewKeyAnswer,
    Readiness,
    WebhookList,
    WebhookTest,
)
from telecine.server.operation import Group, More, Operation, Query, Sent, moment, one_of, whole
from telecine.webhooks.log import DeliveryState
from telecine.wires import kling as kling_wire

_AFTER: Final = Query("after", "The id after which the page begins.")
_LIMIT: Final = whole("limit", "How many.", 20, 100)
_PROMPT: Final = "A paper boat sails through a flooded library"
_ANY: Final = dict[str, Any]
_PART: Final = (Query("Range", "Only these bytes, such as bytes=0-1023."), Query("If-None-Match", "The ETag you have."))
_PARTS: Final = (
    More(206, "The bytes that were asked for.", alike=True),
    More(304, "What you have is what there is."),
    More(416, "The range begins after the end."),
)
_DAY: Final = {"type": "string", "format": "date"}
_RANGE: Final = tuple(
    Query(name, "In milliseconds since 1970.", {"type": "integer", "minimum": 0, "maximum": 10**15 - 1}, required=True)
    for name in ("start_time", "end_time")
)


def _tasks() -> list[Operation]:
    path, one = "/v1/tasks", "/v1/tasks/{id}"
    example = {"model": "kling-v2-5-turbo", "prompt": _PROMPT, "duration": 5}
    page = (
        one_of("status", "Only with this status.", get_args(Status)),
        Query("model", "Only of this model."),
        Query("external_id", "The one task that you named so; it stands alone."),
        Query("key_name", "Only made with this API key, by its name or its id."),
        moment("created_after", "Only made after this."),
        moment("created_before", "Only made before this."),
        _LIMIT,
        _AFTER,
    )
    wait = Query("wait", "Seconds to wait for the end.", {"type": "number", "minimum": 0, "maximum": 60})
    follow = "Follow a task: server-sent events, whose data is the task"
    seen = "The number of the last event that you have; those behind it follow."
    number = {"type": "integer", "minimum": 0, "maximum": 10**9 - 1}
    over = (More(204, "Nothing can follow any more; do not ask again."),)
    return [
        Operation("tasks", "POST", path, "Create a task", TaskObject, CreateTask, example, creates=True),
        Operation("tasks", "GET", path, "List tasks", TaskList, query=page),
        Operation("tasks", "GET", one, "Read a task", TaskObject, query=(wait,)),
        Operation(
            "tasks",
            "GET",
            f"{one}/events",
            follow,
            kind="text/event-stream",
            query=(Query("last_event_id", f"{seen} The header goes first.", number),),
            headers=(Query("Last-Event-ID", seen, number),),
            more=over,
        ),
        Operation("tasks", "POST", f"{one}/cancel", "Cancel a task", TaskObject),
        Operation("tasks", "POST", f"{one}/retry", "Make a task again that has ended", TaskObject, creates=True),
    ]


def _webhooks() -> list[Operation]:
    hooks, sent = "/v1/webhooks", "/v1/deliveries"
    one, delivery = webhooks.WebhookObject, webhooks.DeliveryObject
    page = (
        Query("task", "Only about this task."),
        one_of("state", "Only in this state.", get_args(DeliveryState)),
        _LIMIT,
        _AFTER,
    )
    new = {"url": "https://example.com/hook", "events": ["task.succeeded", "task.failed"]}
    group: Group = "webhooks"
    return [
        Operation(
            group, "POST", hooks, "Add a webhook; its secret is shown this once", one, webhooks.NewWebhook, new, 201
        ),
        Operation(group, "GET", hooks, "List webhooks", WebhookList),
        Operation(group, "GET", f"{hooks}/{{id}}", "Read a webhook", one),
        Operation(
            group, "PATCH", f"{hooks}/{{id}}", "Change a webhook", one, webhooks.ChangedWebhook, {"active": False}
        ),
        Operation(group, "DELETE", f"{hooks}/{{id}}", "Remove a webhook", Deleted),
        Operation(group, "POST", f"{hooks}/{{id}}/rotate", "Make a new secret; the old one signs for a day", one),
        Operation(
            group, "POST", f"{hooks}/secret/rotate", "Make a new secret for the URLs of requests", webhooks.SecretObject
        ),
        Operation(group, "POST", f"{hooks}/{{id}}/test", "Send a test event", delivery, status=202),
        Operation(group, "GET", f"{hooks}/{{id}}/deliveries", "List what was sent there", DeliveryList, query=page),
        Operation(group, "GET", sent, "List deliveries", DeliveryList, query=page),
        Operation(group, "GET", f"{sent}/{{id}}", "Read a delivery and its tries", delivery),
        Operation(group, "POST", f"{sent}/{{id}}/redeliver", "Send a delivery once more", delivery, status=202),
    ]


def _billing() -> list[Operation]:
    days = (Query("start_date", "The first day, UTC.", _DAY), Query("end_date", "The day before which it ends.", _DAY))
    limit, used = "What the key may spend in all", "What the key has spent, in hundredths"
    costs = (*_RANGE, Query("resource_pack_name", "Only this pack."))
    entries = "List the account's ledger, newest first"
    found = [
        Operation("account", "GET", "/v1/account", "Read the account of the key", AccountObject),
        Operation("account", "GET", "/v1/account/entries", entries, EntryPage, query=(_LIMIT, _AFTER)),
        Operation("relay", "GET", "/api/pricing", "What the models cost", Pricing),
    ]
    left = "What the key has left"
    found += [Operation("relay", "GET", f"/api/usage/token{end}", left, TokenUsageAnswer) for end in ("", "/")]
    for prefix in ("/v1", ""):
        path = f"{prefix}/dashboard/billing"
        found += [
            Operation("dashboard", "GET", f"{path}/subscription", limit, Subscription),
            Operation("dashboard", "GET", f"{path}/usage", used, BillingUsage, query=days, refusal=DashboardRefusal),
        ]
    for prefix in ("/kling", ""):
        path, told = f"{prefix}/account/costs", "The balance, told as a resource pack"
        found.append(Operation("kling", "GET", path, told, CostsEnvelope, query=costs))
    return found


def _openai() -> list[Operation]:
    path, one = "/v1/videos", "/v1/videos/{id}"
    example = {"model": "sora-2", "prompt": _PROMPT, "seconds": "4"}
    again = {"prompt": f"{_PROMPT}, at night"}
    page = (_AFTER, _LIMIT, one_of("order", "By creation.", ("asc", "desc")))
    variant = one_of("variant", "Which file.", ("video", "thumbnail", "spritesheet"))
    remix = "Make a video again, under a new prompt"
    group: Group = "openai"
    return [
        Operation(group, "POST", path, "Create a video", Video, CreateVideo, example, forms=True, creates=True),
        Operation(group, "GET", path, "List videos", VideoList, query=page),
        Operation(group, "GET", one, "Read a video", Video),
        Operation(group, "DELETE", one, "Delete a video, cancelling it where it still runs", DeletedVideo),
        Operation(
            group,
            "GET",
            f"{one}/content",
            "Download a video",
            kind="video/mp4",
            query=(variant,),
            headers=_PART,
            more=_PARTS,
        ),
        Operation(group, "POST", f"{one}/remix", remix, Video, CreateVideo, again, forms=True, creates=True),
        Operation(group, "GET", "/v1/models", "List models", ModelList),
        Operation(group, "GET", "/v1/models/{name}", "Read a model", ModelObject),
    ]


def _kling() -> list[Operation]:
    found = []
    page = (whole("pageNum", "Which page.", 1, 1000), whole("pageSize", "How many.", 30, 500))
    answer, body = kling_render.Envelope, kling_wire.CreateTask
    for prefix in ("/kling", ""):
        for kind, what in (("text2video", "a text"), ("image2video", "an image")):
            path = f"{prefix}/v1/videos/{kind}"
            example = {"model_name": "kling-v2-5-turbo", "prompt": _PROMPT, "duration": "5"}
            if kind == "image2video":
                example["image"] = "https://example.com/boat.png"
            read = f"Read a video from {what}, by its id or by external_task_id"
            found += [
                Operation("kling", "POST", path, f"Create a video from {what}", answer, body, example, creates=True),
                Operation("kling", "GET", path, f"List videos from {what}", answer, query=page),
                Operation("kling", "GET", f"{path}/{{id}}", read, answer),
            ]
    return found


def _admin() -> list[Operation]:
    keys, channels = "/admin/v1/keys", "/admin/v1/channels"
    accounts, config, ledger = "/admin/v1/accounts", "/admin/v1/config", "/admin/v1/ledger"
    entries = (Query("account", "Only of this account."), whole("limit", "How many.", 20, 1000), _AFTER)
    since = (moment("since", "Only what has ended since."),)
    change = {"expires_at": None, "limits": {"rate_limit": "600/minute", "monthly_budget": "50"}}
    top_up = {"amount": "12.5", "ref": "invoice 1"}
    erase = "Erase an account's prompts, media and deliveries; the ledger stays"
    account = {"name": "studio", "balance": "100"}
    new, test = {"name": "laptop"}, "Ask a channel's upstream something that costs nothing"
    return [
        Operation("admin", "GET", keys, "List keys, without their texts", KeyList),
        Operation("admin", "POST", keys, "Make a key; its text is shown this once", NewKeyAnswer, NewKey, new, 201),
        Operation("admin", "PATCH", f"{keys}/{{key}}", "Change what bounds a key", KeyInfo, Changes, change),
        Operation("admin", "DELETE", f"{keys}/{{key}}", "Revoke a key by id or name", KeyInfo),
        Operation("admin", "GET", channels, "List channels", ChannelList),
        Operation("admin", "POST", f"{channels}/{{name}}/test", test, ChannelTest),
        Operation("admin", "GET", accounts, "List accounts", _ANY),
        Operation("admin", "POST", accounts, "Make an account", AccountInfo, NewAccount, account, 201),
        Operation("admin", "GET", f"{accounts}/{{name}}", "Read an account", AccountInfo),
        Operation(
            "admin",
            "PATCH",
            f"{accounts}/{{name}}",
            "Change what bounds an account",
            AccountInfo,
            AccountChanges,
            change,
        ),
        Operation("admin", "POST", f"{accounts}/{{name}}/erase", erase, _ANY, WantedErasure, {"force": False}),
        Operation("admin", "POST", f"{accounts}/{{name}}/deposit", "Top up an account", Deposited, NewDeposit, top_up),
        Operation("admin", "GET", f"{ledger}/check", "Check the books", LedgerCheck),
        Operation("admin", "GET", f"{ledger}/entries", "List the ledger, newest first", EntryPage, query=entries),
        Operation("admin", "GET", "/admin/v1/prices", "The price book", PriceList),
        Operation("admin", "GET", "/admin/v1/margins", "What models earned and cost", MarginList, query=since),
        Operation("admin", "GET", config, "What runs, without its secrets", _ANY),
        Operation("admin", "POST", f"{config}/reload", "Read the configuration file again", _ANY),
        Operation("admin", "GET", f"{config}/revisions", "List what changed in the configuration", _ANY),
        Operation("admin", "GET", "/admin/v1/doctor", "What needs somebody's attention", _ANY),
    ]


def _server() -> list[Operation]:
    group: Group = "server"
    file, media = "/media/{output}/{ticket}/{name}", "application/octet-stream"
    page = "This document, to be read"
    unready = (More(503, "One of them does not.", alike=True),)
    return [
        Operation(group, "GET", "/", "What this is", _ANY, open=True),
        Operation(group, "GET", "/healthz", "The process answers", _ANY, open=True),
        Operation(
            group, "GET", "/readyz", "Whether it can serve, and take creates", Readiness, more=unready, open=True
        ),
        Operation(group, "GET", "/metrics", "Figures for Prometheus", kind="text/plain", open=True),
        Operation(
            group,
            "GET",
            file,
            "A stored file, by its signed link",
            kind=media,
            headers=_PART,
            more=_PARTS,
            error=FileError,
            open=True,
        ),
        Operation(group, "POST", "/callbacks/{token}", "Where providers call back", _ANY, open=True),
        Operation(group, "GET", "/openapi.json", "This document", _ANY, open=True),
        Operation(group, "GET", "/docs", page, kind="text/html", open=True),
        Operation(group, "GET", "/docs/style.css", "The style of that page", kind="text/css", open=True),
    ]


def _sent() -> list[Sent]:
    task = {"id": "tsk_06xx1njwc558w", "object": "task", "status": "running", "progress": 42, "model": "sora-2"}
    news = {"type": "task.progress", "timestamp": "2025-11-21T04:40:00.123+00:00", "data": task}
    test = {**news, "type": "webhook.test", "data": {"object": "webhook", "id": "whk_06xx1njwc558w"}}
    video = {"id": "video_06xx11d95wm5j", "object": "video", "model": "sora-2", "status": "completed", "progress": 100}
    clip = {"task_id": "249845374340976818", "task_status": "succeed", "task_status_msg": "", "task_info": {}}
    return [
        Sent("tasks", "task", "A task's news, to webhooks and to the webhook_url of POST /v1/tasks", TaskEvent, news),
        Sent("webhooks", "test", "What a test sends to a webhook", WebhookTest, test),
        Sent("openai", "video", "A video's new status, to the webhook_url of POST /v1/videos", Video, video),
        Sent("kling", "kling", "A task's new status, to its callback_url", kling_render.TaskData, clip),
    ]


OPERATIONS: Final = (*_tasks(), *_webhooks(), *_billing(), *_openai(), *_kling(), *_admin(), *_server())
SENT: Final = tuple(_sent())
