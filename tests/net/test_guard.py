"""Which addresses may be dialled."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from telecine.net.client import FetchError, checked
from telecine.net.guard import AddressPolicy, AddressRefusedError, GuardedResolver
from telecine.net.names import Names

PUBLIC = AddressPolicy()


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("0.0.0.0", id="this-host"),  # noqa: S104 - refused, not bound
        pytest.param("0.1.2.3", id="this-network"),
        pytest.param("10.0.0.1", id="private-10"),
        pytest.param("10.255.255.255", id="private-10-end"),
        pytest.param("100.64.0.1", id="carrier-nat"),
        pytest.param("100.100.100.200", id="metadata-alibaba"),
        pytest.param("100.127.255.255", id="carrier-nat-end"),
        pytest.param("127.0.0.1", id="loopback"),
        pytest.param("127.255.255.254", id="loopback-end"),
        pytest.param("168.63.129.16", id="metadata-azure"),
        pytest.param("169.254.0.1", id="link-local"),
        pytest.param("169.254.169.254", id="metadata"),
        pytest.param("172.16.0.1", id="private-172"),
        pytest.param("172.31.255.255", id="private-172-end"),
        pytest.param("192.0.0.8", id="protocol-assignments"),
        pytest.param("192.0.0.192", id="metadata-oracle"),
        pytest.param("192.0.2.1", id="documentation-1"),
        pytest.param("192.88.99.1", id="6to4-relay"),
        pytest.param("192.168.1.1", id="private-192"),
        pytest.param("198.18.0.1", id="benchmarks"),
        pytest.param("198.51.100.1", id="documentation-2"),
        pytest.param("203.0.113.1", id="documentation-3"),
        pytest.param("224.0.0.1", id="multicast"),
        pytest.param("239.255.255.250", id="multicast-end"),
        pytest.param("240.0.0.1", id="reserved"),
        pytest.param("255.255.255.255", id="broadcast"),
        pytest.param("::", id="v6-unspecified"),
        pytest.param("::1", id="v6-loopback"),
        pytest.param("::127.0.0.1", id="v6-compatible"),
        pytest.param("::ffff:127.0.0.1", id="v6-mapped"),
        pytest.param("::ffff:a9fe:a9fe", id="v6-mapped-metadata"),
        pytest.param("::ffff:0:127.0.0.1", id="v6-translated"),
        pytest.param("64:ff9b::7f00:1", id="nat64-loopback"),
        pytest.param("64:ff9b::10.0.0.1", id="nat64-private"),
        pytest.param("64:ff9b:1::808:808", id="nat64-local"),
        pytest.param("100::1", id="v6-discard"),
        pytest.param("2001::4136:e378:8000:63bf:3fff:fdd2:1", id="teredo-private"),
        pytest.param("2001:0:4136:e378:8000:63bf:80ff:fffe", id="teredo-loopback"),
        pytest.param("2001:2::1", id="v6-benchmarks"),
        pytest.param("2001:10::1", id="orchid"),
        pytest.param("2001:db8::1", id="v6-documentation"),
        pytest.param("2002:7f00:1::", id="6to4-loopback"),
        pytest.param("2002:a9fe:a9fe::1", id="6to4-metadata"),
        pytest.param("3fff::1", id="v6-documentation-2"),
        pytest.param("4000::1", id="v6-unallocated"),
        pytest.param("5f00::1", id="segment-routing"),
        pytest.param("fc00::1", id="unique-local"),
        pytest.param("fd00:ec2::254", id="metadata-v6"),
        pytest.param("fe80::1", id="v6-link-local"),
        pytest.param("fe80::1%eth0", id="v6-zone"),
        pytest.param("::1%25lo", id="v6-zone-encoded"),
        pytest.param("fec0::1", id="site-local"),
        pytest.param("ff02::1", id="v6-multicast"),
    ],
)
def test_refused(address: str) -> None:
    assert not PUBLIC.permits(address)


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "8.8.8.8",
        "100.63.255.255",
        "100.128.0.1",
        "172.15.255.255",
        "172.32.0.1",
        "223.255.255.254",
        "2606:4700:4700::1111",
        "2a00:1450:4001:81b::200e",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
        "2002:808:808::1",
    ],
)
def test_permitted(address: str) -> None:
    assert PUBLIC.permits(address)


@pytest.mark.parametrize(
    "text", ["", "example.com", "2130706433", "0x7f.1", "127.1", "0177.0.0.1", "127.0.0.1.", "1.1.1", "1.1.1.1/32"]
)
def test_what_is_no_address_is_not_permitted(text: str) -> None:
    assert not PUBLIC.permits(text)
    assert not AddressPolicy(["0.0.0.0/0", "::/0"]).permits(text)


def test_allowed_networks_open_just_themselves() -> None:
    policy = AddressPolicy(["127.0.0.0/8", "fd00:1::/32"])
    assert policy.permits("127.0.0.1")
    assert policy.permits("::ffff:127.0.0.1")
    assert policy.permits("fd00:1::5")
    assert not policy.permits("10.0.0.1")
    assert not policy.permits("::1")
    assert not policy.permits("fd00:2::5")


GUARDED = [
    "169.254.0.1",
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "fd20:ce::254",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
]


@pytest.mark.parametrize("address", GUARDED)
def test_metadata_and_link_local_addresses_are_opened_by_name_only(address: str) -> None:
    everything = ["0.0.0.0/0", "::/0"]
    for policy in (AddressPolicy(everything), PUBLIC.opened(), AddressPolicy(everything).opened()):
        assert not policy.permits(address)
        assert policy.permits("10.0.0.1")
        assert policy.permits("fd00:1::5")
    assert not AddressPolicy(["100.64.0.0/10", "fc00::/7", "fd00:ec2::/31"]).permits(address)


def test_metadata_that_is_named_is_opened() -> None:
    for policy in (AddressPolicy(["169.254.169.254/32"]), AddressPolicy(["169.254.169.254/32"]).opened()):
        assert policy.permits("169.254.169.254")
        assert policy.permits("::ffff:169.254.169.254")
        assert not policy.permits("169.254.169.253")
        assert not policy.permits("fd00:ec2::254")
    assert AddressPolicy(["169.254.0.0/16"]).permits("169.254.169.254")
    assert AddressPolicy(["fe80::/10"]).permits("fe80::1")
    assert AddressPolicy(["168.63.129.16/32"]).permits("168.63.129.16")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://2130706433/",
        "http://127.1/",
        "http://0177.0.0.1/",
        "http://017700000001/",
        "http://127.0.0.1./",
        "http://１２７.0.0.1/",
        "http://127。0。0。1/",
        "http://①②⑦.0.0.1/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::1%25lo]/",
        "https://169.254.169.254/latest/meta-data/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "data:image/png;base64,AAAA",
        "http://user:secret@example.com/",
        "http://user@example.com/",
        "http:///nothing",
        "//example.com/a",
        "/a",
        "",
        "http://example.com:99999/",
        "http://[::1/",
        "http://a\\@127.0.0.1/",
        "http://localhost/",
        "http://LocalHost.:8080/a.png",
        "https://api.localhost/",
        "http://printer.local/",
        "http://nas.LOCAL./a",
        "http://metadata.google.internal/",
        "http://redis.internal:6379/",
        "http://router.home.arpa/",
        "http://localhost.localdomain/",
        "http://ｌｏｃａｌｈｏｓｔ/",
        "http://localhost。/",
    ],
)
def test_urls_never_fetched(url: str) -> None:
    with pytest.raises(FetchError) as caught:
        checked(url, PUBLIC)
    assert caught.value.refused
    assert not caught.value.sent


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a.png?x=1",
        "http://例え.jp/",
        "http://8.8.8.8:8080/",
        "http://0x7f.1/",
        "https://notlocalhost/",
        "https://mylocal/",
        "https://local.example.com/",
        "https://internal.example/",
    ],
)
def test_names_are_left_to_the_resolver(url: str) -> None:
    assert checked(url, PUBLIC).host


def test_the_operators_networks_open_the_names_that_lead_there() -> None:
    loopback, office = AddressPolicy(["127.0.0.0/8"]), AddressPolicy(["10.0.0.0/8"])
    assert loopback.permits_name("localhost")
    assert AddressPolicy(["::1/128"]).permits_name("app.localhost")
    assert not office.permits_name("localhost")
    assert office.permits_name("nas.local")
    assert office.permits_name("redis.internal")
    assert not AddressPolicy(["8.8.8.0/24"]).permits_name("redis.internal")
    assert PUBLIC.opened().permits_name("localhost")
    assert PUBLIC.opened().permits_name("redis.internal")


class Answers(AbstractResolver):
    """Gives one list of addresses after the other."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            {"hostname": host, "host": one, "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}
            for one in self.answers.pop(0)
        ]

    async def close(self) -> None:
        pass


async def test_only_permitted_addresses_of_a_name_are_dialled() -> None:
    resolver = GuardedResolver(PUBLIC, Answers(["10.0.0.1", "8.8.8.8", "::1", "fe80::1%2"]))
    assert await resolver.resolve("mixed.example", 80) == ["8.8.8.8"]


async def test_every_answer_is_checked_anew() -> None:
    resolver = GuardedResolver(PUBLIC, Answers(["8.8.8.8"], ["127.0.0.1"], ["1.1.1.1"]))
    assert await resolver.resolve("changing.example", 80) == ["8.8.8.8"]
    with pytest.raises(AddressRefusedError):
        await resolver.resolve("changing.example", 80)
    assert await resolver.resolve("changing.example", 80) == ["1.1.1.1"]


@pytest.mark.parametrize("host", ["localhost", "0x7f.1", "0x7f000001", "127%2e0%2e0%2e1", "a" * 70 + ".example"])
async def test_the_systems_resolver_opens_no_side_door(host: str) -> None:
    """Hexadecimal spellings are names to us and addresses to getaddrinfo."""
    resolver = GuardedResolver(PUBLIC)
    with pytest.raises(OSError, match=r"not public|cannot be asked|\[Errno"):
        await resolver.resolve(host, 80)


async def test_names_that_are_never_answered_keep_no_thread_from_anything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = threading.Event()
    asked = socket.getaddrinfo

    def slow(host: str, *more: Any, **named: Any) -> Any:
        if host.endswith(".slow"):
            answer.wait(30)
            raise socket.gaierror("no answer")
        return asked(host, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    names = Names()
    hanging = [asyncio.create_task(names.resolve(f"{number}.slow")) for number in range(100)]
    try:
        await asyncio.sleep(0)
        assert await asyncio.to_thread(lambda: 7) == 7
        assert {one["host"] for one in await names.resolve("localhost", 80)} <= {"127.0.0.1", "::1"}
        assert not any(one.done() for one in hanging)
    finally:
        answer.set()
        found = await asyncio.gather(*hanging, return_exceptions=True)
    assert all(isinstance(one, socket.gaierror) for one in found)


async def test_a_name_that_nobody_waits_for_any_more_harms_nothing() -> None:
    lookup = asyncio.create_task(Names().resolve("localhost"))
    await asyncio.sleep(0)
    lookup.cancel()
    with pytest.raises(asyncio.CancelledError):
        await lookup
    await asyncio.sleep(0.05)
