"""A create that is sent again makes no second task, and gets the first one's answer."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import Connection, func, select, update
from sqlalchemy.exc import IntegrityError

from telecine.accounts.principal import Bound, Bounds, Principal
from telecine.config import ChannelConfig, LimitsConfig, PriceConfig
from telecine.nouns.errors import GatewayError
from telecine.nouns.parameters import VideoParameters
from telecine.nouns.request import MediaInput, Native
from telecine.nouns.task import Task
from telecine.providers.outcomes import Accepted, Failed, Refused, SubmitOutcome, Unknown
from telecine.store import tables
from telecine.tasks.idempotency import KEPT_SECONDS, RETRY_SECONDS, Idempotency, Once, fingerprint
from telecine.tasks.view import Filter, View
from telecine.tasks.writes import Create
from telecine.tasks.writes.idempotency import remember
from tests.records import reading, writing
from tests.tasks.scripted import DONE, TRAITS, House, Scripted, refusal, text_to_video

KEY = Idempotency("k-1")
RETRY = Idempotency(retries=1)


def stored(name: str, sha256: str = "ab") -> MediaInput:
    return MediaInput("first_frame", object_key=f"a1/in/{name}.png", content_type="image/png", sha256=sha256)


def image_to_video(name: str, sha256: str = "ab") -> Any:
    return text_to_video(operation="image_to_video", inputs=(stored(name, sha256),))


async def create(house: House, said: Idempotency | None = KEY, *, me: Principal | None = None, **changes: Any) -> View:
    return await house.tasks.create(me or house.me, text_to_video(**changes), "tasks", idempotency=said)


async def count(house: House, table: Any = tables.tasks) -> int:
    async with reading(house.database) as connection:
        return int((await connection.execute(select(func.count()).select_from(table))).scalar_one())


def test_a_fingerprint_is_of_what_was_asked_for() -> None:
    base = text_to_video(metadata={"a": "1", "b": "2"}, parameters=VideoParameters(mode="pro"))
    same = text_to_video(metadata={"b": "2", "a": "1"}, parameters=VideoParameters(mode="pro"))
    assert fingerprint(base, "tasks") == fingerprint(same, "tasks")
    assert fingerprint(image_to_video("one"), "tasks") == fingerprint(image_to_video("two"), "tasks")
    sealed = text_to_video(callback_headers=b"with one nonce"), text_to_video(callback_headers=b"with another")
    assert len({fingerprint(one, "tasks") for one in sealed}) == 1
    others = [
        (replace(base, prompt="another"), "tasks", None),
        (replace(base, callback_url="https://me.test/"), "tasks", None),
        (replace(base, native=Native("openai", {})), "tasks", None),
        (base, "openai", None),
        (base, "tasks", 7),
        (image_to_video("one"), "tasks", None),
        (image_to_video("one", "cd"), "tasks", None),
    ]
    found = {fingerprint(*one) for one in others} | {fingerprint(base, "tasks")}
    assert len(found) == len(others) + 1


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "a\x7f", "é", "\x00"])
def test_a_key_is_printable_and_not_too_long(key: str) -> None:
    with pytest.raises(GatewayError) as caught:
        Idempotency.read(key, None)
    assert (caught.value.code, caught.value.param) == ("invalid_request", "Idempotency-Key")


@pytest.mark.parametrize(("text", "retries"), [(None, 0), ("", 0), ("2", 2), ("-1", 0), ("x", 0), ("9" * 9, 0)])
def test_a_retry_count_that_is_none_counts_as_none(text: str | None, retries: int) -> None:
    assert Idempotency.read("x" * 255, text) == Idempotency("x" * 255, retries)
    assert Idempotency.read(None, text) == Idempotency(None, retries)


async def test_the_same_key_and_request_is_the_same_task(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        first = await create(house)
        house.clock.advance(KEPT_SECONDS - 1)
        assert (await create(house)).task.id == first.task.id
        assert (await create(house, Idempotency("k-2"))).task.id != first.task.id
        assert len(house.provider.sent) == await count(house) == 2


async def test_the_same_key_with_another_request_is_a_conflict(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        await create(house)
        for dialect, prompt in (("tasks", "another"), ("openai", "a paper boat")):
            with pytest.raises(GatewayError) as caught:
                await house.tasks.create(house.me, text_to_video(prompt=prompt), dialect, idempotency=KEY)
            assert (caught.value.code, caught.value.param) == ("conflict", "Idempotency-Key")
            assert not caught.value.may_retry
        assert await count(house) == 1


async def test_keys_are_an_accounts_own(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        other = replace(house.me, account_id=await house.keys.account("other"))
        assert (await create(house)).task.id != (await create(house, me=other)).task.id


async def test_a_key_that_has_run_out_stands_for_a_new_task(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        first = await create(house)
        await create(house, Idempotency("unused"))
        house.clock.advance(KEPT_SECONDS)
        second = await create(house, prompt="another")
        assert second.task.id != first.task.id
        assert (await create(house, prompt="another")).task.id == second.task.id
        assert await count(house, tables.idempotency) == 1, "keys that no longer count are cleared away"


async def test_keys_survive_a_restart(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        first = await create(house)
        clock = house.clock
    async with House(tmp_path, clock=clock).opened() as house:
        assert (await create(house)).task.id == first.task.id
        assert (await create(house, RETRY)).task.id == first.task.id
        with pytest.raises(GatewayError, match="has been used before"):
            await create(house, prompt="another")
        assert house.provider.sent == []


async def test_a_task_committed_by_a_process_that_died_is_joined_after_the_restart(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        now = house.clock.now()
        task = Task(
            id=house.context.ids.next(now),
            account_id=house.me.account_id,
            key_id=None,
            dialect="tasks",
            operation="text_to_video",
            model="kling-v2-5-turbo",
            request=text_to_video(),
            created_at=now,
        )
        made = Create(task, "gone", said=KEY)
        assert await house.database.write(made) is None
        clock = house.clock
    async with House(tmp_path, clock=clock).opened() as house:
        assert (await create(house)).task.id == made.task.id
        clock.advance(61)
        await house.engine.drain()
        view = await create(house)
        assert (view.task.id, view.task.state) == (made.task.id, "running")
        assert len(house.provider.sent) == await count(house) == 1


async def test_twenty_at_once_are_one_submit(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        submitted = asyncio.Event()

        async def slow() -> SubmitOutcome:
            await submitted.wait()
            return Accepted("u1")

        house.provider.submits = [slow]
        calls = [asyncio.create_task(create(house)) for _ in range(20)]
        await asyncio.sleep(0.3)
        assert not any(call.done() for call in calls), "all wait for the first step, as its own caller does"
        submitted.set()
        views = await asyncio.gather(*calls)
        assert {(view.task.id, view.task.state) for view in views} == {(views[0].task.id, "running")}
        assert len(house.provider.sent) == await count(house) == 1


async def test_of_two_at_once_with_different_requests_one_is_a_conflict(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        results = await asyncio.gather(create(house), create(house, prompt="another"), return_exceptions=True)
        assert sum(isinstance(result, View) for result in results) == 1, "either may come first"
        assert [result.code for result in results if isinstance(result, GatewayError)] == ["conflict"]


async def test_two_processes_make_one_task(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as one, House(tmp_path, clock=one.clock).opened() as two:
        made = await asyncio.gather(*(create(house) for house in (one, two) * 8), return_exceptions=True)
        assert {view.task.id if isinstance(view, View) else view for view in made} == {made[0].task.id}  # type: ignore[union-attr]
        assert len(one.provider.sent) + len(two.provider.sent) == await count(one) == 1


async def test_a_key_that_counts_is_never_taken_over(tmp_path: Path) -> None:
    """Another process may have kept it after this one looked for it."""
    async with House(tmp_path).opened() as house:
        task = (await create(house)).task
        with pytest.raises(IntegrityError, match=r"UNIQUE|[Uu]nique"):
            async with writing(house.database) as connection:
                await connection.run_sync(remember, [(Once.of(task, KEY), task.id + 1)])


async def test_a_refusal_is_raised_again(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        house.provider.submits = [Refused(refusal("content_policy")), Accepted("u1")]
        for _ in range(2):
            with pytest.raises(GatewayError) as caught:
                await create(house)
            assert (caught.value.code, caught.value.message) == ("content_policy", "refused: content_policy")
            assert not caught.value.may_retry
            house.clock.advance(60)
        assert len(house.provider.sent) == await count(house) == 1


async def test_an_unknown_submit_is_never_sent_again_by_its_client_either(tmp_path: Path) -> None:
    traits = replace(Scripted().traits, look_up=False, unique_handle=False)
    provider = Scripted(traits=traits)
    provider.submits = [Unknown("reset"), Accepted("u1")]
    async with House(tmp_path, providers=(provider,)).opened() as house:
        for said in (KEY, KEY, RETRY):
            with pytest.raises(GatewayError) as caught:
                await create(house, said)
            assert caught.value.code == "submission_unknown"
        assert len(provider.sent) == 1


async def test_a_task_that_failed_later_is_shown_and_not_raised(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        house.provider.polls = [Failed(refusal("upstream_failed"))]
        first = await create(house)
        await house.pass_time(60)
        again = await create(house)
        assert (again.task.id, again.task.state) == (first.task.id, "failed")


async def test_what_was_refused_before_there_was_a_task_is_not_remembered(tmp_path: Path) -> None:
    price = PriceConfig("kling-v2-5-turbo", "second", Decimal(1))
    async with House(tmp_path, prices=(price,)).opened() as house:
        accounts = tables.accounts

        async def balance(micros: int) -> None:
            async with writing(house.database) as connection:
                await connection.execute(update(accounts).values(limited=True, balance=micros))

        for me, external_id, code in (
            (replace(house.me, bounds=Bounds(models=frozenset({"sora-2"}))), None, "permission"),
            (house.me, "x" * 257, "invalid_request"),
        ):
            with pytest.raises(GatewayError) as caught:
                await create(house, me=me, external_id=external_id)
            assert caught.value.code == code
        await balance(0)
        answers = await asyncio.gather(create(house), create(house), return_exceptions=True)
        assert [isinstance(one, GatewayError) and one.code for one in answers] == ["insufficient_balance"] * 2
        assert await count(house, tables.idempotency) == await count(house) == 0
        await balance(100_000_000)
        first = await create(house)
        await balance(0)
        assert (await create(house)).task.id == first.task.id, "a replay costs nothing"


async def test_a_429_of_the_upstream_is_not_remembered(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        house.provider.submits = [Refused(refusal("rate_limited")), Accepted("u1")]
        with pytest.raises(GatewayError, match="rate_limited"):
            await create(house)
        view = await create(house)
        assert view.task.state == "running"
        assert (await create(house)).task.id == view.task.id
        assert len(house.provider.sent) == 2


async def test_a_deleted_tasks_key_is_used_up(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        first = await create(house, external_id="mine")
        await house.tasks.delete(house.me, first.task.id)
        for said in (KEY, None):
            with pytest.raises(GatewayError) as caught:
                await create(house, said, external_id="mine")
            assert caught.value.code == "conflict"


async def test_an_external_id_replays_its_own_request_only(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        views = await asyncio.gather(*(create(house, None, external_id="mine") for _ in range(3)))
        assert len({view.task.id for view in views}) == 1
        house.clock.advance(30 * 86400)
        assert (await create(house, Idempotency("new"), external_id="mine")).task.id == views[0].task.id
        with pytest.raises(GatewayError) as caught:
            await create(house, None, external_id="mine", prompt="another")
        assert (caught.value.code, caught.value.param) == ("conflict", "external_id")
        assert len(house.provider.sent) == 1


async def test_a_retry_without_a_key_joins_within_ten_minutes(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        first = await create(house, None)
        house.clock.advance(1)
        second = await create(house, None)
        assert second.task.id != first.task.id, "the same wish twice is two wishes"
        other = replace(house.me, account_id=await house.keys.account("other"))
        assert (await create(house, RETRY, me=other)).task.id not in (first.task.id, second.task.id)
        house.clock.advance(RETRY_SECONDS - 2)
        assert (await create(house, RETRY)).task.id == second.task.id, "the newest is meant"
        assert (await create(house, RETRY, prompt="another")).task.id != second.task.id
        house.clock.advance(3)
        assert (await create(house, RETRY)).task.id not in (first.task.id, second.task.id)


async def test_a_retry_in_one_batch_with_what_it_retries_joins_it(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        task = (await create(house, None, prompt="another")).task
        now = house.clock.now()
        made = [replace(task, id=house.context.ids.next(now), request=text_to_video()) for _ in range(3)]
        answers = await asyncio.gather(
            house.database.write(Create(made[0], "me")),
            house.database.write(Create(made[1], "me", said=RETRY)),
            house.database.write(Create(made[2], "me", said=Idempotency("k", 1))),
        )
        assert list(answers) == [None, made[0].id, None]


async def test_retries_without_a_key_leave_the_batch_of_everyone_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two connections that send the same, and a hundred that have nothing to do with it."""
    async with House(tmp_path).opened() as house:
        task = (await create(house, None, prompt="another")).task
        commits = 0
        commit = Connection.commit

        def counted(self: Connection) -> None:
            nonlocal commits
            commits += 1
            commit(self)

        monkeypatch.setattr(Connection, "commit", counted)
        now = house.clock.now()

        def new(prompt: str, said: Idempotency | None = None) -> Create:
            return Create(
                replace(task, id=house.context.ids.next(now), request=text_to_video(prompt=prompt)), "me", said=said
            )

        same = [new("same", RETRY) for _ in range(3)]
        others = [new(str(number)) for number in range(100)]
        answers = await asyncio.gather(*(house.database.write(one) for one in [*same, *others]))
        assert answers == [None, same[0].task.id, same[0].task.id, *[None] * 100]
        assert 0 < commits <= 2


async def test_a_retry_is_not_refused_for_what_the_first_has_spent(tmp_path: Path) -> None:
    """Each is admitted by the limits of its own key."""
    async with House(tmp_path).opened() as house:
        task = (await create(house, None, prompt="another")).task
        now = house.clock.now()
        tight = (Bound("account", task.account_id, Bounds(tasks=0)),)
        made = [replace(task, id=house.context.ids.next(now), request=text_to_video()) for _ in range(3)]
        answers = await asyncio.gather(
            house.database.write(Create(made[0], "me", bound=tight)),
            house.database.write(Create(made[1], "me", said=RETRY)),
            house.database.write(Create(made[2], "me", said=RETRY)),
            return_exceptions=True,
        )
        assert isinstance(answers[0], GatewayError)
        assert list(answers[1:]) == [None, made[1].id]


async def test_media_stored_for_a_replay_go_again(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:

        async def send(name: str, sha256: str = "ab") -> View:
            return await house.tasks.create(house.me, image_to_video(name, sha256), "tasks", idempotency=KEY)

        first = await send("one")
        assert house.shelf.forgotten == []
        assert (await send("two")).task.id == first.task.id
        assert house.shelf.forgotten == ["a1/in/two.png"]
        with pytest.raises(GatewayError, match="has been used before"):
            await send("three", "cd")
        assert house.shelf.forgotten == ["a1/in/two.png", "a1/in/three.png"]


async def test_a_joined_request_waits_no_longer_than_the_first(tmp_path: Path) -> None:
    async with House(tmp_path, limits=LimitsConfig(first_step=0.05)).opened() as house:
        never = asyncio.Event()
        house.provider.submits = [never.wait]
        views = await asyncio.gather(create(house), create(house))
        assert {view.task.state for view in views} <= {"queued", "submitting"}
        assert len({view.task.id for view in views}) == 1


async def test_a_task_in_line_is_joined_at_once(tmp_path: Path) -> None:
    channels = (ChannelConfig(name="main", provider="scripted", max_in_flight=1),)
    async with House(tmp_path, channels).opened() as house:
        await create(house, None)
        first = await create(house)
        again = await create(house)
        assert (again.task.id, again.task.state) == (first.task.id, "queued")


async def test_a_retry_is_a_new_task_of_the_same_request(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        request = replace(image_to_video("one"), external_id="mine", metadata={"a": "b"})
        first = await house.tasks.create(house.me, request, "kling")
        with pytest.raises(GatewayError) as caught:
            await house.tasks.retry(house.me, first.task.id)
        assert caught.value.code == "conflict"
        house.provider.polls = [DONE]
        await house.pass_time(60)
        second = await house.tasks.retry(house.me, first.task.id, idempotency=KEY)
        assert (second.task.retry_of, second.task.dialect) == (first.task.id, "kling")
        assert second.task.request == replace(
            request, external_id=None, inputs=(replace(stored("one"), object_key="a1/in/one.png+copy"),)
        )
        assert (await house.tasks.retry(house.me, first.task.id, idempotency=KEY)).task.id == second.task.id
        assert house.shelf.forgotten == ["a1/in/one.png+copy"]
        assert (await house.tasks.retry(house.me, first.task.id)).task.id != second.task.id
        assert len(house.provider.sent) == 3


async def test_a_retry_needs_the_files_that_it_was_made_from(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        house.provider.submits = [Refused(refusal("upstream_refused"))]
        with pytest.raises(GatewayError):
            await house.tasks.create(house.me, image_to_video("one"), "tasks")
        (failed,) = (await house.tasks.list(house.me, Filter(limit=1))).views
        await house.shelf.forget(["a1/in/one.png"])
        with pytest.raises(GatewayError) as caught:
            await house.tasks.retry(house.me, failed.task.id)
        assert (caught.value.code, caught.value.param) == ("invalid_request", "inputs")


async def test_an_external_id_is_free_again_after_a_refusal_that_may_pass(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        house.provider.submits = [Refused(refusal("insufficient_balance")), Accepted("u2")]
        with pytest.raises(GatewayError):
            await create(house, None, external_id="mine")
        view = await create(house, None, external_id="mine")
        assert (view.task.state, len(house.provider.sent)) == ("running", 2)
        assert (await house.tasks.find_external(house.me, "mine")).task.id == view.task.id


async def test_an_external_id_stays_with_a_refusal_that_lasts(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        house.provider.submits = [Refused(refusal("content_policy")), Accepted("u2")]
        for _ in range(2):
            with pytest.raises(GatewayError) as caught:
                await create(house, None, external_id="mine")
            assert caught.value.code == "content_policy"
        assert len(house.provider.sent) == 1


async def test_a_refusal_after_an_unknown_submit_is_not_forgiven(tmp_path: Path) -> None:
    """The first submit may have made a job, so the same key makes no other."""
    blind = Scripted(traits=replace(TRAITS, look_up=False, unique_handle=False))
    blind.submits = [Unknown("reset"), Refused(refusal("authentication")), Accepted("u3")]
    channel = ChannelConfig(name="main", provider="scripted", resubmit=True)
    async with House(tmp_path, (channel,), (blind,)).opened() as house:
        view = await create(house)
        await house.pass_time(10, 1)
        ended = (await house.tasks.get(house.me, view.task.id)).task
        assert (ended.state, ended.error and ended.error.code) == ("failed", "authentication")
        with pytest.raises(GatewayError):
            await create(house)
        assert len(blind.sent) == 2
