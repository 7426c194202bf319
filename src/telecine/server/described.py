"""What the OpenAPI document and the page at `/docs` say: the dialects' own rows, and one line for every other route."""

from __future__ import annotations

from typing import Any, Final, get_args

import msgspec

from telecine.accounts.holders import NewAccount
from telecine.accounts.keys import KeyInfo
from telecine.accounts.statement import EntryPage
from telecine.accounts.terms import AccountChanges, Changes
from telecine.admin import webhooks
from telecine.admin.accounts import AccountInfo, WantedErasure
from telecine.admin.keys import ChannelProbe, ChannelTest, NewKey
from telecine.admin.models import Discovery, ModelInfo, ModelInfos
from telecine.admin.money import Deposited, LedgerCheck, MarginList, NewDeposit, PriceList
from telecine.admin.workflows import WantedWorkflow, WorkflowCheck, WorkflowInfo, WorkflowList
from telecine.dialects.document import PART, PARTS, Entry, More, Query, Sent, moment, one_of, whole
from telecine.dialects.served import DIALECTS
from telecine.dialects.tasks import TASKS
from telecine.server.answers import (
    ChannelList,
    Deleted,
    DeliveryList,
    FileError,
    KeyList,
    NewKeyAnswer,
    Readiness,
    WebhookList,
    WebhookTest,
)
from telecine.webhooks.log import DeliveryState

_AFTER: Final = Query("after", "The id after which the page begins.")
_LIMIT: Final = whole("limit", "How many.", 20, 100)
_ANY: Final = dict[str, Any]


class Group(msgspec.Struct, frozen=True):
    """A section of the document."""

    title: str
    about: str


def _webhooks() -> list[Entry]:
    hooks, sent = "/v1/webhooks", "/v1/deliveries"
    one, delivery = webhooks.WebhookObject, webhooks.DeliveryObject
    page = (
        Query("task", "Only about this task."),
        one_of("state", "Only in this state.", get_args(DeliveryState)),
        _LIMIT,
        _AFTER,
    )
    new = {"url": "https://example.com/hook", "events": ["task.succeeded", "task.failed"]}
    group = "webhooks"
    return [
        Entry(
            group,
            "POST",
            hooks,
            "Add a webhook; its secret is shown this once",
            answer=one,
            body=webhooks.NewWebhook,
            example=new,
            status=201,
        ),
        Entry(group, "GET", hooks, "List webhooks", answer=WebhookList),
        Entry(group, "GET", f"{hooks}/{{id}}", "Read a webhook", answer=one),
        Entry(
            group,
            "PATCH",
            f"{hooks}/{{id}}",
            "Change a webhook",
            answer=one,
            body=webhooks.ChangedWebhook,
            example={"active": False},
        ),
        Entry(group, "DELETE", f"{hooks}/{{id}}", "Remove a webhook", answer=Deleted),
        Entry(group, "POST", f"{hooks}/{{id}}/rotate", "Make a new secret; the old one signs for a day", answer=one),
        Entry(
            group,
            "POST",
            f"{hooks}/secret/rotate",
            "Make a new secret for the URLs of requests",
            answer=webhooks.SecretObject,
        ),
        Entry(
            group,
            "PUT",
            f"{hooks}/secret",
            "Sign what goes to the URLs of requests with a secret that their receivers know",
            answer=webhooks.SecretObject,
            body=webhooks.OwnSecret,
            example={"secret": "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI="},
        ),
        Entry(group, "POST", f"{hooks}/{{id}}/test", "Send a test event", answer=delivery, status=202),
        Entry(group, "GET", f"{hooks}/{{id}}/deliveries", "List what was sent there", answer=DeliveryList, query=page),
        Entry(group, "GET", sent, "List deliveries", answer=DeliveryList, query=page),
        Entry(group, "GET", f"{sent}/{{id}}", "Read a delivery and its tries", answer=delivery),
        Entry(group, "POST", f"{sent}/{{id}}/redeliver", "Send a delivery once more", answer=delivery, status=202),
    ]


def _admin() -> list[Entry]:
    keys, channels = "/admin/v1/keys", "/admin/v1/channels"
    accounts, config, ledger = "/admin/v1/accounts", "/admin/v1/config", "/admin/v1/ledger"
    entries = (Query("account", "Only of this account."), whole("limit", "How many.", 20, 1000), _AFTER)
    since = (moment("since", "Only what has ended since."),)
    change = {"expires_at": None, "limits": {"rate_limit": "600/minute", "monthly_budget": "50"}}
    top_up = {"amount": "12.5", "ref": "invoice 1"}
    erase = "Erase an account's prompts, media and deliveries; the ledger stays"
    account = {"name": "studio", "balance": "100"}
    flows, models = "/admin/v1/workflows", "/admin/v1/models"
    flow = {"workflow": {"web_app_id": 37429, "name": "picture-book", "prompt": "6:CLIPTextEncode.text"}}
    new, test = {"name": "laptop"}, "Ask a channel's upstream something that costs nothing"
    probe = "Ask a channel's upstream in which forms it may be spoken to"
    return [
        Entry("admin", "GET", keys, "List keys, without their texts", answer=KeyList),
        Entry(
            "admin",
            "POST",
            keys,
            "Make a key; its text is shown this once",
            answer=NewKeyAnswer,
            body=NewKey,
            example=new,
            status=201,
        ),
        Entry(
            "admin",
            "PATCH",
            f"{keys}/{{key}}",
            "Change what bounds a key",
            answer=KeyInfo,
            body=Changes,
            example=change,
        ),
        Entry("admin", "DELETE", f"{keys}/{{key}}", "Revoke a key by id or name", answer=KeyInfo),
        Entry("admin", "GET", channels, "List channels", answer=ChannelList),
        Entry("admin", "POST", f"{channels}/{{name}}/test", test, answer=ChannelTest),
        Entry("admin", "POST", f"{channels}/{{name}}/probe", probe, answer=ChannelProbe),
        Entry(
            "admin",
            "POST",
            f"{channels}/{{name}}/discover",
            "Ask an upstream for its models",
            answer=Discovery,
        ),
        Entry("admin", "GET", models, "List models", answer=ModelInfos),
        Entry("admin", "GET", f"{models}/{{name}}", "Read a model", answer=ModelInfo),
        Entry("admin", "GET", accounts, "List accounts", answer=_ANY),
        Entry(
            "admin",
            "POST",
            accounts,
            "Make an account",
            answer=AccountInfo,
            body=NewAccount,
            example=account,
            status=201,
        ),
        Entry("admin", "GET", f"{accounts}/{{name}}", "Read an account", answer=AccountInfo),
        Entry(
            "admin",
            "PATCH",
            f"{accounts}/{{name}}",
            "Change what bounds an account",
            answer=AccountInfo,
            body=AccountChanges,
            example=change,
        ),
        Entry(
            "admin",
            "POST",
            f"{accounts}/{{name}}/erase",
            erase,
            answer=_ANY,
            body=WantedErasure,
            example={"force": False},
        ),
        Entry(
            "admin",
            "POST",
            f"{accounts}/{{name}}/deposit",
            "Top up an account",
            answer=Deposited,
            body=NewDeposit,
            example=top_up,
        ),
        Entry("admin", "GET", f"{ledger}/check", "Check the books", answer=LedgerCheck),
        Entry("admin", "GET", f"{ledger}/entries", "List the ledger, newest first", answer=EntryPage, query=entries),
        Entry("admin", "GET", "/admin/v1/prices", "The price book", answer=PriceList),
        Entry("admin", "GET", "/admin/v1/margins", "What models earned and cost", answer=MarginList, query=since),
        Entry("admin", "GET", flows, "List workflows", answer=WorkflowList),
        Entry(
            "admin",
            "POST",
            flows,
            "Make a workflow",
            answer=WorkflowInfo,
            body=WantedWorkflow,
            example=flow,
            status=201,
        ),
        Entry("admin", "GET", f"{flows}/{{name}}", "Read a workflow", answer=WorkflowInfo),
        Entry("admin", "DELETE", f"{flows}/{{name}}", "Remove a workflow", answer=WorkflowInfo),
        Entry(
            "admin",
            "POST",
            f"{flows}/check",
            "Look at a workflow that is to be made",
            answer=WorkflowCheck,
            body=WantedWorkflow,
            example=flow,
        ),
        Entry("admin", "GET", config, "What runs, without its secrets", answer=_ANY),
        Entry("admin", "POST", f"{config}/reload", "Read the configuration file again", answer=_ANY),
        Entry("admin", "GET", f"{config}/revisions", "List what changed in the configuration", answer=_ANY),
        Entry("admin", "GET", "/admin/v1/doctor", "What needs somebody's attention", answer=_ANY),
    ]


def _server() -> list[Entry]:
    group = "server"
    file, media = "/media/{output}/{ticket}/{name}", "application/octet-stream"
    page = "This document, to be read"
    unready = (More(503, "One of them does not.", alike=True),)
    return [
        Entry(group, "GET", "/", "What this is", answer=_ANY, open=True),
        Entry(group, "GET", "/healthz", "The process answers", answer=_ANY, open=True),
        Entry(
            group, "GET", "/readyz", "Whether it can serve, and take creates", answer=Readiness, more=unready, open=True
        ),
        Entry(group, "GET", "/metrics", "Figures for Prometheus", kind="text/plain", open=True),
        Entry(
            group,
            "GET",
            file,
            "A stored file, by its signed link",
            kind=media,
            headers=PART,
            more=PARTS,
            error=FileError,
            open=True,
        ),
        Entry(
            group,
            "GET",
            "/media/{account}/{folder}/{ticket}/{name}",
            "A file that came with a request, by the signed link that its upstream was given",
            kind=media,
            headers=PART,
            more=PARTS,
            error=FileError,
            open=True,
        ),
        Entry(group, "POST", "/callbacks/{token}", "Where providers call back", answer=_ANY, open=True),
        Entry(group, "GET", "/openapi.json", "This document", answer=_ANY, open=True),
        Entry(group, "GET", "/docs", page, kind="text/html", open=True),
        Entry(group, "GET", "/docs/style.css", "The style of that page", kind="text/css", open=True),
    ]


_NEWS: Final = {
    "type": "webhook.test",
    "timestamp": "2025-11-21T04:40:00.123+00:00",
    "data": {"object": "webhook", "id": "whk_06xx1njwc558w"},
}
OWN: Final = (*_webhooks(), *_admin())
"""What is strict about query parameters, beside the dialects that are."""
ENTRIES: Final = (*(entry for dialect in DIALECTS for entry in dialect.entries), *OWN, *_server())
SENT: Final = (
    *(one for dialect in DIALECTS for one in dialect.sent),
    Sent("webhooks", "test", "What a test sends to a webhook", WebhookTest, _NEWS),
)
_TITLED: Final = [one for one in sorted(DIALECTS, key=lambda one: one is not TASKS) if one.title]
"""Our own form first."""
GROUPS: Final[dict[str, Group]] = {
    **{one.name: Group(one.title, one.about) for one in _TITLED},
    "webhooks": Group(
        "Webhooks", "Where an account wants its news sent, signed as Standard Webhooks say, and what became of each."
    ),
    "admin": Group("Administration", "Keys and channels. These need an admin key."),
    "server": Group("This server", "Health, figures, files and this page. These need no key."),
}
ERRORS: Final[dict[str, type[msgspec.Struct]]] = {
    **{one.name: one.errors.shape for one in _TITLED},
    "webhooks": TASKS.errors.shape,
    "admin": DIALECTS[-1].errors.shape,
    "server": DIALECTS[-1].errors.shape,
}
"""The envelope of each group's errors."""
