"""Which channel serves what, and in which order."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from telecine.config import ChannelConfig, Config, ModelMap, PoolConfig
from telecine.config.file import ReadWorkflow
from telecine.nouns import catalogue
from telecine.nouns.billed import Billed
from telecine.nouns.errors import GatewayError
from telecine.nouns.graph import Node
from telecine.nouns.request import GenerationRequest, MediaInput
from telecine.nouns.task import Attempt
from telecine.nouns.workflow import Workflow
from telecine.providers.base import Channel, Provider, Terms
from telecine.routing.router import Place, Router
from telecine.tasks.candidates import routes_of
from tests.clock import HandClock
from tests.tasks.scripted import TRAITS, Scripted, text_to_video


def router(*channels: ChannelConfig, pools: tuple[PoolConfig, ...] = (), clock: HandClock | None = None) -> Router:
    providers = {"scripted": Scripted(), "picky": Scripted("picky"), "sandbox": Scripted("sandbox")}
    providers["picky"].objection = GatewayError("unsupported_parameter", "no seeds here", param="seed")
    return Router(Config(channels=channels, pools=pools), dict(providers), catalogue.load(), clock or HandClock())


def attempt(channel: str, address: str = "", provider: str = "scripted") -> Attempt:
    return Attempt(
        id=1,
        task_id=1,
        number=1,
        channel=channel,
        address=address,
        provider=provider,
        model="m",
        state="accepted",
        handle="h",
        callback_token="t",
        pool="",
        created_at=0.0,
    )


def names(one: Router, request: GenerationRequest | None = None, **options: Any) -> list[str]:
    return [route.channel.name for route in routes_of(one, request or text_to_video(), **options)]


def test_without_channels_the_sandbox_serves_the_whole_catalogue() -> None:
    one = router()
    assert one.names() == sorted(model.name for model in catalogue.load().models)
    assert names(one) == ["sandbox"]
    with pytest.raises(GatewayError) as caught:
        routes_of(one, text_to_video(model="kling-v2-5-nothing"))
    assert caught.value.code == "not_found"
    assert "kling-v2-5-turbo" in caught.value.message


def test_once_a_channel_is_configured_the_sandbox_is_gone() -> None:
    one = router(ChannelConfig(name="a", provider="scripted", models=("my-model",)))
    assert one.names() == ["my-model"]
    with pytest.raises(GatewayError):
        routes_of(one, text_to_video())


def test_who_runs_graphs_serves_the_workflows_that_have_one_and_nothing_else() -> None:
    providers = {"scripted": Scripted(), "graphs": Scripted("graphs")}
    providers["graphs"].terms = Terms(graphs=True)
    flows = (
        Workflow(web_app_id="1", name="book", graph={"9": Node(class_type="SaveImage")}),
        Workflow(web_app_id="2", name="theirs"),
    )
    read = tuple(ReadWorkflow(web_app_id=one.web_app_id, name=one.name, workflow=one) for one in flows)
    channels = (
        ChannelConfig(name="gpu", provider="graphs", models=("*", "sora-2")),
        ChannelConfig(name="a", provider="scripted", models=("theirs", "my-model")),
    )
    one = Router(Config(channels=channels, workflows=read), dict(providers), catalogue.load(), HandClock())
    assert one.names() == ["book", "my-model", "theirs"]
    assert [one.serves(name) for name in ("book", "theirs", "sora-2", "anything")] == [True, True, False, False]
    assert names(one, text_to_video(model="theirs")) == ["a"]


def test_names_globs_and_upstream_names() -> None:
    one = router(
        ChannelConfig(
            name="a",
            provider="scripted",
            models=("kling-*", ModelMap("kling-latest", "kling-v3"), ModelMap("kling-v1", "first")),
        )
    )
    assert routes_of(one, text_to_video(model="kling-v2-6"))[0].model == "kling-v2-6"
    assert routes_of(one, text_to_video(model="kling-latest"))[0].model == "kling-v3"
    assert routes_of(one, text_to_video(model="kling-v1"))[0].model == "first"
    assert "kling-latest" in one.names()
    assert "kling-v2-6" in one.names()
    assert "kling-*" not in one.names()


def test_what_is_free_and_what_is_made_here_is_told_by_terms_whatever_its_name() -> None:
    mine = Scripted("mine")
    channels = (ChannelConfig(name="a", provider="mine", models=("*",)), ChannelConfig(name="b", provider="mine"))
    config = Config(channels=(*channels, ChannelConfig(name="c", provider="mine", priced=True)))
    one = Router(config, {"mine": mine}, catalogue.load(), HandClock())
    assert one.serves("nobody-knows-it")
    assert (one.charges("a"), one.is_real("a"), one.sells("kling-v1")) == (True, True, True)
    mine.terms = Terms(free=True, remote=False)
    one = Router(config, {"mine": mine}, catalogue.load(), HandClock())
    assert not one.serves("nobody-knows-it"), "a glob means what the catalogue knows"
    assert (one.charges("a"), one.is_real("a"), one.sells("kling-v1")) == (False, False, False)
    assert one.charges("c"), "it says so"


def test_an_alias_is_served_by_whoever_serves_the_model() -> None:
    one = router(ChannelConfig(name="a", provider="scripted", models=("sora-2",)))
    assert routes_of(one, text_to_video(model="sora-2-2025-10-06"))[0].model == "sora-2"


def test_priority_goes_first_and_equal_priorities_share_by_weight() -> None:
    one = router(
        ChannelConfig(name="spare", provider="scripted", priority=1),
        ChannelConfig(name="big", provider="scripted", priority=5, weight=9),
        ChannelConfig(name="small", provider="scripted", priority=5),
    )
    firsts = Counter(names(one)[0] for _ in range(400))
    assert set(firsts) == {"big", "small"}
    assert firsts["big"] > 4 * firsts["small"]
    assert all(names(one)[2] == "spare" for _ in range(20))


def test_one_that_cannot_express_the_request_is_passed_over() -> None:
    one = router(
        ChannelConfig(name="picky", provider="picky", priority=9), ChannelConfig(name="able", provider="scripted")
    )
    assert names(one) == ["able"]
    alone = router(ChannelConfig(name="picky", provider="picky"))
    with pytest.raises(GatewayError, match="no seeds here"):
        routes_of(alone, text_to_video())


def test_trouble_puts_a_channel_last_and_it_recovers_by_itself() -> None:
    clock = HandClock()
    one = router(
        ChannelConfig(name="a", provider="scripted", priority=9),
        ChannelConfig(name="b", provider="scripted"),
        clock=clock,
    )
    one.circuit("a").trouble(1, 30)
    assert names(one) == ["b", "a"]
    clock.advance(30)
    assert names(one) == ["a", "b"]
    assert one.circuit("a").take(2)
    assert names(one) == ["b", "a"], "one attempt is under way there, and shows whether it is well"
    one.circuit("a").well(2)
    assert names(one) == ["a", "b"]


@pytest.mark.parametrize("change", [{"base_url": "https://new.example"}, {"api_key": "new"}, {"secret_key": "new"}])
def test_a_new_address_or_credential_begins_with_a_closed_circuit(change: dict[str, str]) -> None:
    a, b = ChannelConfig(name="a", provider="scripted"), ChannelConfig(name="b", provider="scripted")
    one = router(a, b)
    for name in ("a", "b"):
        one.circuit(name).trouble(1)
    one.swap(Config(channels=(replace(a, weight=7), b)))
    assert (one.circuit("a").state, one.circuit("b").state) == ("open", "open")
    one.swap(Config(channels=(b,)))
    one.swap(Config(channels=(replace(a, **change), b)))
    assert (one.circuit("a").state, one.circuit("b").state) == ("closed", "open")


def test_followups_stay_and_failures_go_elsewhere() -> None:
    one = router(ChannelConfig(name="a", provider="scripted", priority=9), ChannelConfig(name="b", provider="scripted"))
    assert names(one, after=Place("b", "")) == ["b"]
    assert names(one, without="a") == ["b", "a"]
    for elsewhere in (Place("gone", ""), Place("b", "https://where-it-was.example")):
        with pytest.raises(GatewayError, match="no longer configured") as caught:
            routes_of(one, text_to_video(), after=elsewhere)
        assert (caught.value.code, caught.value.param) == ("not_found", "source")


def test_an_attempt_keeps_the_address_that_it_was_sent_to() -> None:
    a = ChannelConfig(name="a", provider="scripted", base_url="https://user:word@one.example/api/", api_key="first")
    sent = attempt("a", "https://one.example/api")

    def asked(router: Router) -> tuple[str, str | None] | None:
        found = router.of(sent)
        return (found[0].address, found[0].api_key) if found else None

    one = router(a)
    assert asked(one) == (sent.address, "first")
    one.swap(Config(channels=(replace(a, base_url="https://other:word@one.example/api", api_key="rotated"),)))
    assert asked(one) == (sent.address, "rotated"), "the same place, by whatever credential is good there now"
    moved = replace(a, base_url="https://two.example", api_key="second")
    one.swap(Config(channels=(moved,)))
    assert asked(one) == (sent.address, "rotated")
    assert routes_of(one, text_to_video())[0].channel.address == "https://two.example"
    one.swap(Config(channels=(replace(moved, name="b"),)))
    assert asked(one) == (sent.address, "rotated")
    assert one.channel("a") is None
    assert one.provider("a") is not None
    assert asked(router(moved)) is None, "after a start only the new address is known"
    assert asked(router(replace(a, provider="picky"))) is None, "the name has gone over to another provider"


def test_what_comes_of_a_former_address_does_not_count_against_the_new_one() -> None:
    a = ChannelConfig(name="a", provider="scripted", base_url="https://one.example")
    one = router(a)
    one.swap(Config(channels=(replace(a, base_url="https://two.example"),)))
    one.circuit_of(attempt("a", "https://one.example")).trouble(1)
    assert one.circuit("a").state == "closed"
    assert one.circuit_of(attempt("a", "https://two.example")) is one.circuit("a")


def test_a_draining_channel_takes_no_new_tasks() -> None:
    a, b = ChannelConfig(name="a", provider="scripted"), ChannelConfig(name="b", provider="scripted", models=("other",))
    one = router(replace(a, draining=True), b)
    assert one.names() == ["other"]
    assert not one.serves("kling-v2-5-turbo")
    with pytest.raises(GatewayError):
        routes_of(one, text_to_video())
    with pytest.raises(GatewayError, match="takes no new tasks"):
        routes_of(one, text_to_video(), after=Place("a", ""))
    assert one.of(attempt("a")) is not None


def test_pools_and_their_weights() -> None:
    one = router(
        ChannelConfig(name="own", provider="scripted", models=("kling-v1",), max_in_flight=3),
        ChannelConfig(
            name="shared",
            provider="scripted",
            models=(ModelMap("kling-v3", slots=2), ModelMap("kling-v2-6", pool="small")),
            pool="video",
        ),
        ChannelConfig(name="free", provider="scripted", models=("sora-2",)),
        pools=(PoolConfig("video", 5), PoolConfig("small", 1)),
    )
    found = {
        model: routes_of(one, text_to_video(model=model))[0]
        for model in ("kling-v1", "kling-v3", "kling-v2-6", "sora-2")
    }
    assert {name: (route.pool, route.slots, route.weight) for name, route in found.items()} == {
        "kling-v1": ("own", 3, 1),
        "kling-v3": ("video", 5, 2),
        "kling-v2-6": ("small", 1, 1),
        "sora-2": ("free", None, 1),
    }


def test_a_job_larger_than_its_pool_is_refused_for_it_would_wait_for_ever() -> None:
    one = router(ChannelConfig(name="a", provider="scripted", max_in_flight=2))
    pictures = text_to_video(operation="text_to_image", model="storyboard-1")
    assert names(one, replace(pictures, count=2)) == ["a"]
    with pytest.raises(GatewayError) as caught:
        routes_of(one, replace(pictures, count=3))
    assert (caught.value.code, caught.value.param) == ("invalid_request", "count")


@pytest.mark.parametrize(
    ("units", "micros"),
    [
        ("2.5", 250_000),
        ("0", 0),
        (None, None),
        ("", None),
        ("many", None),
        ("NaN", None),
        ("1e20", None),
        ("-inf", None),
    ],
)
def test_what_an_upstream_says_that_a_job_took_is_believed_within_reason(units: str | None, micros: int | None) -> None:
    one = router(ChannelConfig(name="a", provider="scripted", unit_cost=Decimal("0.1")))
    assert one.cost("a", units) == micros


def test_what_is_no_generation_goes_to_whoever_has_nothing_against_it() -> None:
    asked: list[tuple[str, str, str]] = []

    def fits(provider: Provider, channel: Channel, model: str) -> Billed:
        asked.append((provider.name, channel.name, model))
        if channel.name == "a":
            raise GatewayError("unsupported_parameter", "no such voices here", param="voice")
        return Billed(mode="loud")

    one = router(
        ChannelConfig(name="a", provider="scripted", models=("talker",), priority=9),
        ChannelConfig(name="b", provider="picky", models=(ModelMap("talker", "talker-2"),), max_in_flight=4),
        ChannelConfig(name="c", provider="scripted", models=("another",)),
    )
    (route,) = one.choose("talker", fits, slots=lambda _: 3)
    assert sorted(asked) == [("picky", "b", "talker-2"), ("scripted", "a", "talker")]
    assert (route.channel.name, route.model, route.billed, route.weight) == ("b", "talker-2", Billed(mode="loud"), 3)
    with pytest.raises(GatewayError, match="no such voices here"):
        one.choose("talker", fits, slots=lambda _: 5)  # the first objection; the other one is that b has four slots
    (route,) = one.choose("talker", fits, slots=lambda _: 5, fewer=True)
    assert route.weight == 4
    with pytest.raises(GatewayError, match="There is no model 'nobody'"):
        one.choose("nobody", fits)


@pytest.mark.parametrize("public", [{}, {"public_url": "https://here.test"}, {"media_origin": "https://files.test"}])
def test_who_takes_urls_alone_has_inline_files_from_us_where_it_can_reach_us(public: dict[str, Any]) -> None:
    channels = tuple(ChannelConfig(name=name, provider=name) for name in ("scripted", "remote"))
    providers = {
        "scripted": Scripted(),
        "remote": Scripted("remote", replace(TRAITS, url_only=True)),
    }
    one = Router(Config(channels=channels, **public), dict(providers), catalogue.load(), HandClock())
    inline = text_to_video(inputs=(MediaInput("image", url="https://there.test/a.png"), MediaInput("last_frame")))
    assert sorted(names(one)) == ["remote", "scripted"]
    assert sorted(names(one, inline)) == (["remote", "scripted"] if public else ["scripted"])
    one.swap(Config(channels=channels[1:], **public))
    if not public:
        with pytest.raises(GatewayError, match="public_url") as caught:
            routes_of(one, inline)
        assert (caught.value.code, caught.value.param) == ("unsupported_parameter", "inputs.last_frame")


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What channels of a provider may say."""

    depth: int = 3


def test_a_channel_has_the_options_of_its_provider_with_their_defaults() -> None:
    provider = Scripted("optional")
    provider.terms = Terms(options=Options)
    said = ChannelConfig("said", "optional", options={"depth": 5})
    channels = (said, ChannelConfig("silent", "optional"))
    one = Router(Config(channels=channels), {"optional": provider}, catalogue.load(), HandClock())
    found = {name: one.channel(name) for name in ("said", "silent")}
    assert {name: there[0].option(Options) for name, there in found.items() if there is not None} == {
        "said": Options(5),
        "silent": Options(),
    }
    one.swap(Config(channels=(replace(said, options={"depth": 7}), channels[1])))
    changed = one.channel("said")
    assert changed is not None
    assert changed[0].option(Options).depth == 7
    assert Channel("of-another-kind", "").option(Options) == Options()
