"""What is written on Midjourney's buttons can be read, and means what it does there."""

from __future__ import annotations

import pytest

from telecine.wires.midjourney.buttons import (
    Press,
    grid_buttons,
    line_buttons,
    picture_buttons,
    read,
)

HASH = "3a1cd9f4-05a0-4a4f-9f3b-6d1c2b7e8f90"


@pytest.mark.parametrize(
    ("custom_id", "means"),
    [
        (f"MJ::JOB::upsample::3::{HASH}", Press(does="upscale", index=3, mark=HASH)),
        (f"MJ::JOB::variation::4::{HASH}", Press(does="vary", index=4, mark=HASH)),
        (f"MJ::JOB::reroll::0::{HASH}::SOLO", Press(does="reroll", mark=HASH)),
        (f"MJ::JOB::low_variation::1::{HASH}::SOLO", Press(does="vary", index=1, strength="subtle", mark=HASH)),
        (f"MJ::JOB::high_variation::1::{HASH}::SOLO", Press(does="vary", index=1, strength="strong", mark=HASH)),
        (
            f"MJ::JOB::upsample_v7_2x_subtle::1::{HASH}::SOLO",
            Press(does="upscale", index=1, style="subtle", factor=2.0, mark=HASH),
        ),
        (
            f"MJ::JOB::upsample_v6r1_2x_creative::1::{HASH}::SOLO",
            Press(does="upscale", index=1, style="creative", factor=2.0, mark=HASH),
        ),
        (f"MJ::JOB::upsample_v5_4x::1::{HASH}::SOLO", Press(does="upscale", index=1, factor=4.0, mark=HASH)),
        (f"MJ::Outpaint::50::1::{HASH}::SOLO", Press(does="zoom", index=1, factor=2.0, mark=HASH)),
        (f"MJ::Outpaint::75::1::{HASH}::SOLO", Press(does="zoom", index=1, factor=1.5, mark=HASH)),
        (f"MJ::Outpaint::80::1::{HASH}::SOLO", Press(does="zoom", index=1, factor=1.25, mark=HASH)),
        (f"MJ::CustomZoom::{HASH}", Press(does="zoom", mark=HASH, asks=True)),
        (f"MJ::Inpaint::1::{HASH}::SOLO", Press(does="inpaint", index=1, mark=HASH, asks=True)),
        *(
            (f"MJ::JOB::pan_{side}::1::{HASH}::SOLO", Press(does="pan", index=1, direction=side, mark=HASH))
            for side in ("left", "right", "up", "down")
        ),
        (f"MJ::JOB::animate_high::1::{HASH}::SOLO", Press(does="animate", index=1, motion="high", mark=HASH)),
        (f"MJ::JOB::animate_low_extend::2::{HASH}", Press(does="extend", index=2, motion="low", mark=HASH)),
        ("MJ::Job::PicReader::2", Press(does="imagine", index=2)),
        ("MJ::Picread::Retry", Press(does="describe")),
    ],
)
def test_a_custom_id_is_read(custom_id: str, means: Press) -> None:
    assert read(custom_id) == means


@pytest.mark.parametrize(
    "custom_id",
    [
        "",
        "MJ",
        "MJ::JOB::upsample",
        f"MJ::JOB::video_virtual_upscale::1::{HASH}",
        f"MJ::JOB::pan_sideways::1::{HASH}::SOLO",
        f"MJ::Outpaint::0::1::{HASH}::SOLO",
        f"MJ::Outpaint::x::1::{HASH}::SOLO",
        "MJ::Job::PicReader::all",
        f"MJ::BOOKMARK::{HASH}",
        f"mj::job::upsample::1::{HASH}",
        "MJ::JOB::upsample::1::" + "a" * 600,
    ],
)
def test_what_nobody_here_knows_is_left_to_its_upstream(custom_id: str) -> None:
    assert read(custom_id) is None


def test_every_button_that_is_shown_can_be_read() -> None:
    shown = [*grid_buttons(HASH, 4), *picture_buttons(HASH)]
    read_back = [read(one.custom_id) for one in shown]
    assert all(one is not None and one.mark == HASH for one in read_back)
    assert [one.does for one in read_back[:9] if one is not None] == ["upscale"] * 4 + ["reroll"] + ["vary"] * 4
    assert len({one.custom_id for one in shown}) == len(shown)
    lines = [read(one.custom_id) for one in line_buttons(4)]
    assert [one.does for one in lines if one is not None] == ["imagine"] * 4 + ["describe"]
