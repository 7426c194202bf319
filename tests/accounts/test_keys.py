"""Keys: made, checked, expired, revoked, and never kept as text."""

from __future__ import annotations

from pathlib import Path

import pytest

from telecine.accounts.secret import Secret, load_secret
from telecine.config import ConfigError, KeyConfig
from telecine.nouns.errors import GatewayError
from tests.tasks.scripted import SEAL, House


async def test_a_key_works_until_it_is_revoked(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        info, text = await house.keys.create("laptop", models=["sora-2"])
        principal = await house.keys.check(text)
        assert (principal.name, principal.admin) == ("laptop", False)
        assert principal.may_use("sora-2")
        assert not principal.may_use("kling-v1")
        await house.keys.revoke("laptop")
        with pytest.raises(GatewayError, match="revoked"):
            await house.keys.check(text)
        assert [one.revoked_at for one in await house.keys.list()] == [house.clock.now()]
        assert info.id == (await house.keys.list())[0].id


async def test_a_revocation_elsewhere_is_seen_within_a_second(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        from telecine.accounts.keys import Keys

        elsewhere = Keys(house.database, house.clock, house.context.ids, SEAL)
        _, text = await house.keys.create("laptop")
        await house.keys.check(text)
        await elsewhere.revoke("laptop")
        house.clock.advance(1.01)
        with pytest.raises(GatewayError, match="revoked"):
            await house.keys.check(text)


async def test_expiry_and_wrong_keys(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        _, text = await house.keys.create("short", expires_at=house.clock.now() + 10)
        await house.keys.check(text)
        house.clock.advance(10)
        with pytest.raises(GatewayError, match="expired"):
            await house.keys.check(text)
        for wrong in ("", "sk-tc-nothing", text + "x", text[:-1]):
            with pytest.raises(GatewayError) as caught:
                await house.keys.check(wrong)
            assert caught.value.code == "authentication"


def stored(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.glob("test.db*"))


async def test_no_text_of_a_key_is_in_the_database(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        _, text = await house.keys.create("laptop")
        await house.keys.check(text)
    kept = stored(tmp_path)
    assert text.encode() not in kept
    assert text[6:20].encode() not in kept


async def test_keys_of_the_configuration_come_and_go_with_it(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        text = "k" * 30
        await house.configure(keys=[KeyConfig(name="demo", key=text, account="film")])
        assert (await house.keys.check(text)).account_id == await house.keys.account("film")
        with pytest.raises(GatewayError, match="configuration file"):
            await house.keys.revoke("demo")
        await house.configure()
        with pytest.raises(GatewayError, match="revoked"):
            await house.keys.check(text)
        await house.configure(keys=[KeyConfig(name="demo", key=text)])
        await house.keys.check(text)


def test_local_tokens_expire_and_cannot_be_forged() -> None:
    secret, other = Secret("a" * 40), Secret("b" * 40)
    token = secret.local_token(1000.0)
    assert secret.is_local_token(token, 1299.0)
    assert not secret.is_local_token(token, 1300.0)
    assert not other.is_local_token(token, 1000.0)
    for forged in (token[:-1], "tcl.99999999999.x", "tcl..", "tcl", "", token.replace("1300", "9300")):
        assert not secret.is_local_token(forged, 1000.0)


def test_the_secret_is_made_once_and_only_for_its_owner(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no secret key"):
        load_secret(tmp_path, None, make=False)
    first = load_secret(tmp_path, None)
    assert (tmp_path / "secret.key").stat().st_mode & 0o777 == 0o600
    assert load_secret(tmp_path, None).derive("x") == first.derive("x")
    assert first.derive("x") != first.derive("y")
    with pytest.raises(ConfigError, match="easy to guess"):
        load_secret(tmp_path, "short")


async def test_a_key_made_here_may_be_written_into_the_configuration_too(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        made, text = await house.keys.create("admin", admin=True, source="first_run")
        await house.configure(keys=[KeyConfig(name="TELECINE_ADMIN_KEY", key=text, admin=True)])
        await house.configure()
        assert [one.id for one in await house.keys.list()] == [made.id]
        assert (await house.keys.check(text)).admin


async def test_a_key_says_in_which_form_its_videos_are_told(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        made, text = await house.keys.create("relayed", video_format="relay")
        plain, other = await house.keys.create("plain")
        assert (made.video_format, plain.video_format) == ("relay", "official")
        assert {one.name: one.video_format for one in await house.keys.list()} == {
            "relayed": "relay", "plain": "official",
        }  # fmt: skip
        assert (await house.keys.check(text)).video_format == "relay"
        assert (await house.keys.check(other)).video_format == "official"
        for said in ("relay", "official"):
            await house.configure(keys=[KeyConfig(name="filed", key="k" * 40, video_format=said)])
            house.keys.check_anew()
            assert (await house.keys.check("k" * 40)).video_format == said


async def test_a_key_says_whose_a_path_is_that_several_dialects_have(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        made, text = await house.keys.create("pictures", dialect="ima")
        assert (made.dialect, (await house.keys.check(text)).dialect) == ("ima", "ima")
        for said in ("ima", None):
            await house.configure(keys=[KeyConfig(name="filed", key="k" * 40, dialect=said)])
            house.keys.check_anew()
            assert (await house.keys.check("k" * 40)).dialect == said


@pytest.mark.parametrize("name", ["", " ", "a/b", "a" * 101, "a\0b", "a\nb", " a", "..", "\ud800"])
async def test_names_that_nobody_could_show_are_refused(tmp_path: Path, name: str) -> None:
    async with House(tmp_path).opened() as house:
        for key, account, param in ((name, "default", "name"), ("key", name, "account")):
            with pytest.raises(GatewayError) as caught:
                await house.keys.create(key, account=account)
            assert (caught.value.code, caught.value.param) == ("invalid_request", param)
        with pytest.raises(GatewayError, match="erased-"):
            await house.keys.create("key", account="erased-me")
        assert await house.keys.list() == []
        await house.keys.create("erased-key of 工作室", account="Größe (1)")
