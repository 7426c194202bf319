"""Which path made a task, and lists that go by it."""

from __future__ import annotations

from pathlib import Path

from telecine.dialects.lookup import made_by
from telecine.tasks.view import Filter, View
from tests.tasks.scripted import DONE, House, text_to_video

OPERATIONS = ("text_to_video", "remix")


async def test_a_list_by_path_shows_what_it_made_and_by_operation_what_no_path_of_its_dialect_did(
    tmp_path: Path,
) -> None:
    forms = ("kling:text2video", "kling:omni-video", None, "openai:videos", "kling2:text2video", "kling:image2video")
    async with House(tmp_path).opened() as house:
        made: list[View] = []
        for form in forms:
            request = text_to_video(operation="image_to_video") if form == forms[-1] else text_to_video()
            dialect = (form or "tasks").partition(":")[0]
            made.append(await house.tasks.create(house.me, request, dialect, form=form))
            house.clock.advance(1)
        page = await house.tasks.list(house.me, Filter(limit=10, ascending=True, form=forms[0], operations=OPERATIONS))
        assert [view.task.form for view in page.views] == [forms[0], None, "openai:videos", "kling2:text2video"]
        shown = [view for view in made if made_by(view.task, "kling:text2video", OPERATIONS)]
        assert [view.task.id for view in shown] == [view.task.id for view in page.views]
        page = await house.tasks.list(
            house.me, Filter(limit=10, form="kling:image2video", operations=("image_to_video",))
        )
        assert [view.task.form for view in page.views] == ["kling:image2video"]
        assert not (await house.tasks.list(house.me, Filter(limit=10, form="kling:none", operations=()))).views


async def test_a_task_that_is_tried_again_was_made_by_the_same_path(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        house.provider.polls = [DONE]
        view = await house.tasks.create(house.me, text_to_video(), "kling", form="kling:text2video")
        await house.pass_time(60, 5)
        again = (await house.tasks.retry(house.me, view.task.id)).task
        assert (again.dialect, again.form, again.retry_of) == ("kling", "kling:text2video", view.task.id)
