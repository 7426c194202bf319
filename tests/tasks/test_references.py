"""Follow-ups by our ids and by the upstreams': whose they are, and the one place where they can run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import select, update

from telecine.accounts.principal import Principal
from telecine.config import ChannelConfig
from telecine.nouns.errors import GatewayError
from telecine.nouns.ids import output_id, reference_to, tsk_id
from telecine.nouns.parameters import LipSyncParameters, VideoParameters
from telecine.nouns.request import GenerationRequest, Reference
from telecine.nouns.task import Handle, Task
from telecine.providers.base import Source, Submission
from telecine.providers.outcomes import Accepted, Finished, Succeeded, UpstreamOutput
from telecine.store import tables
from telecine.tasks.idempotency import Idempotency
from telecine.tasks.writes.forgetting import blank
from telecine.tasks.writes.handles import keep_handles
from tests.records import reading, writing
from tests.tasks.scripted import DONE, House, Scripted, text_to_video

A = ChannelConfig(name="a", provider="scripted", base_url="https://a.example", priority=1)
B = ChannelConfig(name="b", provider="scripted", base_url="https://b.example")
CLIP = Reference(upstream_id="v1", kind="clip")


async def made(house: House, **changes: Any) -> Task:
    """A task that has succeeded, with one clip that its upstream calls `v1`."""
    house.provider.polls = [DONE]
    task = (await house.tasks.create(house.me, text_to_video(**changes), "tasks")).task
    await house.pass_time(30)
    return task


def remix(source: Reference | None, **changes: Any) -> GenerationRequest:
    """A follow-up of `source`; a request that follows up nothing where there is none."""
    shape = {"operation": "remix", "model": "sora-2"} if source is not None else {}
    return text_to_video(source=source, **{**shape, **changes})


async def follow(house: House, source: Reference, who: Principal | None = None, **changes: Any) -> Task:
    return (await house.tasks.create(who or house.me, remix(source, **changes), "tasks")).task


async def stranger(house: House) -> Principal:
    async with writing(house.database) as connection:
        row = (await connection.execute(select(tables.accounts))).mappings().one()
        await connection.execute(tables.accounts.insert().values({**row, "id": row["id"] + 1, "name": "other"}))
    return Principal(row["id"] + 1, None, "other")


async def handles(house: House) -> list[Handle]:
    async with reading(house.database) as connection:
        rows = await connection.execute(select(tables.handles).order_by(tables.handles.c.upstream_id))
        return [Handle(**row) for row in rows.mappings()]


async def keep(house: House, *kept: Handle) -> None:
    async with writing(house.database) as connection:
        await connection.run_sync(keep_handles, kept)


def voice(account_id: int, name: str = "voice-1", channel: ChannelConfig = B) -> Handle:
    return Handle(
        account_id=account_id,
        provider="scripted",
        kind="voice",
        upstream_id=name,
        channel=channel.name,
        address=channel.base_url,
    )


async def refused(house: House, source: Reference | None, who: Principal | None = None, **changes: Any) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        await house.tasks.create(who or house.me, remix(source, **changes), "tasks")
    return caught.value


async def test_an_upstreams_ids_are_kept_with_the_step_that_learns_them(tmp_path: Path) -> None:
    async with House(tmp_path, [A]).opened() as house:
        task = (await house.tasks.create(house.me, text_to_video(), "tasks")).task
        job = Handle(
            account_id=house.me.account_id,
            provider="scripted",
            kind="task",
            upstream_id="u1",
            channel="a",
            address="https://a.example",
            task_id=task.id,
        )
        assert await handles(house) == [job]
        house.provider.polls = [DONE]
        await house.pass_time(30)
        clip = msgspec.structs.replace(job, kind="clip", upstream_id="v1", output=0)
        assert await handles(house) == [job, clip]


async def test_a_job_that_is_done_at_once_is_known_too(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        house.provider.submits = [Finished(DONE, "u7")]
        await made(house)
        assert [one.upstream_id for one in await handles(house)] == ["u7", "v1"]


@pytest.mark.parametrize("named", ["task", "output", "upstream's task", "upstream's output", "decimal"])
async def test_every_way_to_name_a_source(tmp_path: Path, named: str) -> None:
    async with House(tmp_path, [B, A]).opened() as house:
        first = await made(house)
        house.trouble("a", 30)
        where = {
            "task": Reference(task=first.id),
            "output": reference_to(output_id(first.id, 0), "clip"),
            "upstream's task": reference_to("u1", "task"),
            "upstream's output": CLIP,
            "decimal": reference_to(str(first.id), "task"),
        }[named]
        second = await follow(house, where)
        assert (second.source_task, second.request.source.task) == (first.id, first.id)  # type: ignore[union-attr]
        assert second.channel is None, "it waits for the channel of its source"
        await house.pass_time(60)
        told = house.provider.sent[-1]
        clip = "v1" if "output" in named else None
        item = None if clip is None else 0
        assert told.source == Source("u1", first.request, clip, first.request.model, item)


def synced(session: Reference, sound: str | None = None) -> GenerationRequest:
    """Lips that follow a sound, in a session that has looked at a video."""
    parameters = LipSyncParameters(face="0", sound=sound)
    return GenerationRequest(operation="lip_sync", model="kling-sync", source=session, parameters=parameters)


async def test_a_session_and_a_sound_are_known_where_they_were_made(tmp_path: Path) -> None:
    async with House(tmp_path, [B, A]).opened() as house:
        faces = UpstreamOutput(kind="text", text="[]", upstream_id="s1")
        house.provider.submits = [Finished(Succeeded((faces,)))]
        look = GenerationRequest(operation="kling:identify_face", model="kling-look", source=CLIP)
        clip = await made_clip(house)
        session = (await house.tasks.create(house.me, look, "kling")).task
        await house.pass_time(5)
        assert [(one.kind, one.upstream_id) for one in await handles(house) if one.task_id == session.id] == [
            ("session", "s1")
        ]
        assert clip.id != session.id
        sound = await made_clip(house, "a1")
        house.trouble("a", 3)
        house.provider.submits = [Accepted("u5")]
        for named, said in ((output_id(session.id, 0), output_id(sound.id, 0)), ("s1", "a1")):
            request = synced(reference_to(named, "session"), said)
            task = (await house.tasks.create(house.me, request, "kling")).task
            await house.pass_time(5)
            told = house.provider.sent[-1]
            followed = Source(None, look_of(told), "s1", look.model, item=0)
            assert (told.source, told.named.get(said, said)) == (followed, "a1")
            assert task.source_task == session.id
        other = await stranger(house)
        for request, param in (
            (synced(reference_to(output_id(session.id, 0), "session")), "source"),
            (synced(Reference(upstream_id="s1", kind="session")), "source"),
        ):
            with pytest.raises(GatewayError) as caught:
                await house.tasks.create(other, request, "kling")
            assert (caught.value.code, caught.value.param) == ("not_found", param)
        with pytest.raises(GatewayError) as caught:
            await house.tasks.create(house.me, synced(reference_to("s1", "session"), "nobody's"), "kling")
        assert (caught.value.code, caught.value.param) == ("not_found", "parameters.sound")


async def made_clip(house: House, name: str = "v1") -> Task:
    """A task that has succeeded with one clip of this name upstream."""
    before = house.provider.submits, house.provider.polls
    house.provider.submits = [Accepted(f"job of {name}")]
    house.provider.polls = [Succeeded((UpstreamOutput("https://files.example/a.mp4", upstream_id=name),))]
    task = (await house.tasks.create(house.me, text_to_video(), "tasks")).task
    await house.pass_time(30)
    house.provider.submits, house.provider.polls = before
    return task


def look_of(told: Submission) -> GenerationRequest | None:
    """What a source was made from, as far as a test of its ids goes."""
    return told.source.request if told.source is not None else None


async def test_ours_goes_before_the_upstreams(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        first = await made(house)
        house.provider.submits = [Accepted(str(first.id))]  # an upstream that counts as we do
        second = await made(house)
        house.provider.submits = [Accepted("u9")]
        both = Reference(task=second.id + 1, upstream_id=str(first.id))
        assert (await follow(house, reference_to(str(first.id), "task"))).source_task == first.id
        assert (await follow(house, both)).source_task == second.id


async def test_never_across_accounts(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        first = await made(house)
        other = await stranger(house)
        ways = [Reference(task=first.id), Reference(task=first.id, output=0), reference_to("u1", "task"), CLIP]
        ways += [msgspec.structs.replace(CLIP, elsewhere=True), Reference(upstream_id="nobody's")]
        ways += [Reference(upstream_id=odd, elsewhere=True) for odd in ("a\x00b", "", "a" * 513)]  # no id of anything
        for way in ways:
            error = await refused(house, way, other)
            assert (error.code, error.param) == ("not_found", "source")
        assert await house.tasks.source(house.me, CLIP) is not None
        with pytest.raises(GatewayError):
            await house.tasks.source(other, CLIP)
        assert len(house.provider.sent) == 1


async def test_the_same_id_at_two_accounts_is_each_ones_own(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        first = await made(house)
        other = await stranger(house)
        theirs = (await house.tasks.create(other, text_to_video(), "tasks")).task
        await house.pass_time(30)
        assert (await follow(house, CLIP)).source_task == first.id
        assert (await follow(house, CLIP, other)).source_task == theirs.id


async def test_an_id_that_is_given_again_means_the_newer_one(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        await made(house)
        second = await made(house)
        assert (await follow(house, CLIP)).source_task == second.id


async def test_what_an_operation_may_follow_up(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        first = await made(house)
        error = await refused(house, Reference(task=first.id), operation="music", model="unheard-of")
        assert (error.code, error.param) == ("invalid_request", "source")
        song = await made(house, operation="music", model="unheard-of")
        assert (await follow(house, CLIP, operation="music", model="unheard-of")).source_task == song.id


async def test_an_output_that_is_not_there(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        first = await made(house)
        assert (await refused(house, Reference(task=first.id, output=1))).code == "not_found"
        running = (await house.tasks.create(house.me, text_to_video(), "tasks")).task
        assert (await refused(house, Reference(task=running.id, output=0))).code == "not_found"


async def test_a_companion_is_nothing_to_go_on_from(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        cover = UpstreamOutput("https://files.example/cover.png", "image", part="cover")
        house.provider.polls = [msgspec.structs.replace(DONE, outputs=(*DONE.outputs, cover))]
        first = (await house.tasks.create(house.me, text_to_video(), "tasks")).task
        await house.pass_time(30)
        assert (await refused(house, Reference(task=first.id, output=1))).code == "not_found"
        assert (await follow(house, Reference(task=first.id, output=0))).source_task == first.id


async def test_what_was_deleted_is_not_followed_and_its_ids_go_with_its_files(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        first = await made(house)
        await house.tasks.delete(house.me, first.id)
        for way in (Reference(task=first.id), CLIP, Reference(upstream_id="u1")):
            assert (await refused(house, way)).code == "not_found"
        assert len(await handles(house)) == 2
        await house.pass_time(8 * 86400.0, 86400.0)
        assert await handles(house) == []


async def test_what_was_made_elsewhere_is_passed_on_where_the_dialect_says_so(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        task = await follow(house, Reference(upstream_id="far", kind="clip", elsewhere=True))
        assert (task.source_task, house.provider.sent[-1].source) == (None, Source(None, output_id="far"))
        await follow(house, Reference(upstream_id="far-job", elsewhere=True))
        assert house.provider.sent[-1].source == Source("far-job")


async def test_a_voice_is_used_where_it_lives_and_by_whose_it_is(tmp_path: Path) -> None:
    providers = (Scripted(),)
    async with House(tmp_path, [A, B], providers).opened() as house:
        other = await stranger(house)
        await keep(house, voice(house.me.account_id), voice(other.account_id, "voice-2"))

        async def with_voices(*names: str) -> str | None:
            request = text_to_video(parameters=VideoParameters(voices=names))
            return (await house.tasks.create(house.me, request, "kling")).task.channel

        assert await with_voices("unheard-of") == "a"
        assert await with_voices("voice-1") == "b"
        assert await with_voices("unheard-of", "voice-1") == "b"
        error = await refused(house, None, parameters=VideoParameters(voices=("voice-2",)))
        assert (error.code, error.param) == ("not_found", "parameters.voices")


async def test_what_lives_in_two_places_cannot_be_used_together(tmp_path: Path) -> None:
    async with House(tmp_path, [A, B]).opened() as house:
        await keep(house, voice(house.me.account_id), voice(house.me.account_id, "voice-2", A))
        error = await refused(house, None, parameters=VideoParameters(voices=("voice-1", "voice-2")))
        assert error.code == "invalid_request"


async def test_a_request_that_is_sent_again_is_the_same_by_what_the_client_called_it(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        await made(house)
        said = Idempotency("once")
        request = remix(CLIP)
        one = await house.tasks.create(house.me, request, "tasks", idempotency=said)
        await made(house)  # the same id means something newer by now
        two = await house.tasks.create(house.me, request, "tasks", idempotency=said)
        assert two.task.id == one.task.id
        other = remix(Reference(upstream_id="u1"))
        with pytest.raises(GatewayError) as caught:
            await house.tasks.create(house.me, other, "tasks", idempotency=said)
        assert caught.value.code == "conflict"


async def test_a_retry_follows_the_same_source(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        first = await made(house)
        second = await follow(house, CLIP)
        await house.pass_time(30)
        again = await house.tasks.retry(house.me, second.id)
        assert (again.task.source_task, again.task.request.source) == (first.id, second.request.source)
        assert house.provider.sent[-1].source == Source("u1", first.request, "v1", first.request.model, item=0)


async def test_older_records_name_their_source_in_the_column_alone(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        first = await made(house)
        second = await follow(house, Reference(task=first.id))
        stored = msgspec.json.encode({**msgspec.to_builtins(remix(CLIP)), "source": None, "source_task": first.id})
        async with writing(house.database) as connection:
            await connection.execute(update(tables.tasks).where(tables.tasks.c.id == second.id).values(request=stored))
        found = await house.reads.task(second.id)
        assert found is not None
        assert found[0].request == remix(Reference(task=first.id))


async def test_what_is_blanked_keeps_only_our_own_name_of_its_source(tmp_path: Path) -> None:
    assert text_to_video(source=CLIP).blank().source is None
    async with House(tmp_path).opened() as house:
        first = await made(house)
        second = await follow(house, CLIP)
        async with writing(house.database) as connection:
            await connection.run_sync(blank, {second.id: second.request}, house.clock.now())
        found = await house.reads.task(second.id)
        assert found is not None
        assert found[0].request.source == Reference(task=first.id)


def test_what_an_id_can_be_read_as() -> None:
    name = output_id(77, 3)
    assert reference_to(name, "clip") == Reference(77, 3, name, "clip")
    assert reference_to(tsk_id(77), "task") == Reference(77)
    assert reference_to("77", "task") == Reference(77, upstream_id="77")
    assert reference_to("b0b-1", "clip", elsewhere=True) == Reference(None, None, "b0b-1", "clip", elsewhere=True)
    for text in (name[:-2] + "+3", name[:-2] + " 3", name[:-1], name + "0"):
        assert reference_to(text, "clip").task is None
