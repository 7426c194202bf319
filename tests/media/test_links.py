"""Signed links: the same for a day, good for what they name and for nothing else."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from telecine.media.links import WEEK, Signer
from telecine.nouns.ids import output_id
from telecine.nouns.kinds import EXTENSIONS
from telecine.nouns.task import Output
from tests.media.fakes import MOMENT

SIGNER = Signer(b"s" * 32, "https://media.example.com/")
OUTPUT = Output(
    task_id=2**62 - 5,
    index=3,
    state="stored",
    object_key="a1/t2/3.mp4",
    poster_key="a1/t2/3.poster.jpg",
    content_type="video/mp4",
)
EXPIRES = SIGNER.expiry(MOMENT)


def parts(url: str) -> tuple[str, str, str]:
    prefix, output, ticket, name = url.rsplit("/", 3)
    assert prefix == "https://media.example.com/media"
    return output, ticket, name


def test_a_link_says_what_it_is() -> None:
    url = SIGNER.make(OUTPUT, "file", EXPIRES)
    identity = output_id(OUTPUT.task_id, OUTPUT.index)
    assert re.fullmatch(rf"https://media\.example\.com/media/{identity}/[0-9a-z]+-[a-z2-7]{{26}}/file\.mp4", url)
    assert SIGNER.make(OUTPUT, "poster", EXPIRES).endswith("/poster.jpg")
    assert SIGNER.make(OUTPUT, "spritesheet", EXPIRES).endswith("/spritesheet.jpg")


def test_every_type_has_its_true_extension() -> None:
    for content_type, extension in EXTENSIONS.items():
        assert SIGNER.make(replace(OUTPUT, content_type=content_type), "file", EXPIRES).endswith(f"/file.{extension}")
    assert SIGNER.make(replace(OUTPUT, content_type="text/html"), "file", EXPIRES).endswith("/file.bin")


def test_a_good_link_is_verified() -> None:
    for variant in ("file", "poster", "spritesheet"):
        found = SIGNER.verify(*parts(SIGNER.make(OUTPUT, variant, EXPIRES)), now=MOMENT)
        assert found == (OUTPUT.task_id, OUTPUT.index, variant)


def test_a_link_ends_on_the_second() -> None:
    link = parts(SIGNER.make(OUTPUT, "file", EXPIRES))
    assert SIGNER.verify(*link, now=EXPIRES - 0.001)
    assert SIGNER.verify(*link, now=EXPIRES) is None


def test_nothing_in_a_link_can_be_changed() -> None:
    output, ticket, name = parts(SIGNER.make(OUTPUT, "file", EXPIRES))
    until, _, signature = ticket.partition("-")
    other = output_id(OUTPUT.task_id + 1, OUTPUT.index)
    later = SIGNER.make(OUTPUT, "file", EXPIRES + 86_400)
    forged = [
        (other, ticket, name),
        (output_id(OUTPUT.task_id, 4), ticket, name),
        (output.upper(), ticket, name),
        (output, ticket, "poster.mp4"),
        (output, ticket, "file.html"),
        (output, ticket, "FILE.mp4"),
        (output, f"{parts(later)[1].partition('-')[0]}-{signature}", name),
        (output, f"0{until}-{signature}", name),
        (output, f"{until}-{signature.upper()}", name),
        (output, f"{until}-{signature[:-1]}", name),
        (output, f"{until}-{signature}a", name),
        (output, f"{until}-", name),
        (output, until, name),
        (output, "", ""),
        ("", ticket, name),
        ("é", "é-é", "é"),
    ]
    for link in forged:
        assert SIGNER.verify(*link, now=MOMENT) is None, link
    assert Signer(b"t" * 32, "https://media.example.com").verify(output, ticket, name, now=MOMENT) is None


@given(st.text(), st.text(), st.text())
def test_rubbish_is_no_link(output: str, ticket: str, name: str) -> None:
    assert SIGNER.verify(output, ticket, name, now=MOMENT) is None


def test_links_of_one_day_are_the_same() -> None:
    midnight = MOMENT // 86_400 * 86_400
    ends = {SIGNER.expiry(midnight + hour * 3600 + 1) for hour in range(24)}
    assert len(ends) == 1
    end = ends.pop()
    assert midnight + 86_399 + WEEK <= end
    assert SIGNER.expiry(midnight + 86_401) == end + 86_400


@given(st.floats(min_value=1.7e9, max_value=4e9), st.integers(min_value=1, max_value=400 * 86_400))
def test_a_link_lives_as_long_as_it_should(now: float, seconds: int) -> None:
    expires = Signer(b"s", "", link_seconds=seconds).expiry(now)
    assert now + seconds <= expires < now + seconds + min(seconds, 86_400) + 1


def test_the_public_url_may_change_while_we_run() -> None:
    urls = iter(["http://a.example", "http://b.example/base/"])
    signer = Signer(b"s" * 32, lambda: next(urls))
    assert signer.make(OUTPUT, "file", EXPIRES).startswith("http://a.example/media/")
    assert signer.make(OUTPUT, "file", EXPIRES).startswith("http://b.example/base/media/")


KEY = "a1/in/0123456789abcdef.png"


def test_a_link_to_an_object_names_it_and_nothing_else() -> None:
    url = SIGNER.make_object(KEY, EXPIRES)
    folder, ticket, name = url.removeprefix("https://media.example.com/media/").rsplit("/", 2)
    assert (folder, name) == ("a1/in", "0123456789abcdef.png")
    assert SIGNER.verify_object(folder, ticket, name, EXPIRES - 1) == KEY
    assert SIGNER.verify_object(folder, ticket, name, EXPIRES) is None
    for other in (("a2/in", ticket, name), (folder, ticket, "0123456789abcdff.png"), (folder, f"z{ticket}", name)):
        assert SIGNER.verify_object(*other, EXPIRES - 1) is None
    assert Signer(b"t" * 32, "").verify_object(folder, ticket, name, EXPIRES - 1) is None


def test_links_to_outputs_and_to_objects_do_not_pass_for_each_other() -> None:
    output, ticket, name = parts(SIGNER.make(OUTPUT, "file", EXPIRES))
    for folder in (f"{output}/", f"/{output}", f"{output}/in"):  # two parts of a path, however they are cut
        assert SIGNER.verify_object(folder, ticket, name, MOMENT) is None
    link = SIGNER.make_object(KEY, EXPIRES).removeprefix("https://media.example.com/media/")
    folder, ticket, name = link.rsplit("/", 2)
    assert SIGNER.verify(folder, ticket, name, MOMENT) is None


def test_a_link_to_an_object_is_read_back_while_it_is_good() -> None:
    signer = Signer(b"s" * 32, "https://tele.test/")
    link = signer.make_object("a7/in/1.png", 1000)
    assert signer.object_of(link, 999.0) == "a7/in/1.png"
    assert signer.object_of(link, 1000.0) is None
    others = (f"{link}?a=b", link.replace("tele", "other"), link.replace("in/", "in2/"), "https://tele.test/media/", "")
    assert [signer.object_of(one, 0.0) for one in others] == [None] * 5


def test_a_ticket_opens_what_it_was_made_for_while_it_is_good() -> None:
    signer, other = Signer(b"s" * 32, "https://tele.test"), Signer(b"t" * 32, "https://tele.test")
    ticket = signer.ticket("/mj/image/7", 1000)
    assert signer.admits("/mj/image/7", ticket, 999.0)
    assert not signer.admits("/mj/image/7", ticket, 1000.0)
    assert not signer.admits("/mj/image/8", ticket, 0.0)
    assert not any(other.admits("/mj/image/7", one, 0.0) for one in (ticket, "", "x", "-", ticket[:-1]))
