"""Where webhooks may go: addresses in every disguise, URLs, and headers."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.headers import HEADERS_MAX, headers_objection
from schema.reach import NOT_PUBLIC, Reach, objection

CLOSED = Reach(own_hosts=frozenset({"pay.example:443"}))
LOCAL = Reach(private_networks=(ip_network("127.0.0.0/8"), ip_network("::1/128")))

REFUSED = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200",
    "127.0.0.1", "127.255.255.254", "169.254.0.1", "169.254.169.254", "172.16.0.1",
    "172.31.255.255", "192.0.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1",
    "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250",
    "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1",
    "64:ff9b::a9fe:a9fe", "64:ff9b::7f00:1", "64:ff9b:1::1", "100::1", "2001::1",
    "2001:0:7f00:1::", "2001:db8::1", "2002:a9fe:a9fe::", "2002:7f00:1::1", "3fff::1", "5f00::1",
    "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1",
    "not an address", "", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "[::1]",
]  # fmt: skip
"""What can't be read as an address is refused as well: it fails closed."""

ALLOWED = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.1",
    "126.255.255.255", "128.0.0.1", "172.15.255.255", "172.32.0.1", "192.0.1.1", "192.167.0.1",
    "192.169.0.1", "198.17.0.1", "198.20.0.1", "223.255.255.255", "::ffff:8.8.8.8",
    "2400:3200::1", "2606:4700:4700::1111", "2001:4860:4860::8888",
]  # fmt: skip


@pytest.mark.parametrize("address", REFUSED)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert not CLOSED.allows(address)


@pytest.mark.parametrize("address", ALLOWED)
def test_a_public_address_is_allowed(address: str) -> None:
    assert CLOSED.allows(address)


def test_a_private_network_is_allowed_only_where_it_is_named() -> None:
    for address in ("127.0.0.1", "::1", "::ffff:127.0.0.1"):
        assert LOCAL.allows(address)
    for address in ("10.0.0.1", "169.254.169.254", "::ffff:10.0.0.1", "::127.0.0.1"):
        assert not LOCAL.allows(address)


def test_a_network_that_contains_a_metadata_address_does_not_allow_it() -> None:
    wide = Reach(private_networks=(ip_network("169.254.0.0/16"), ip_network("0.0.0.0/0")))
    exact = Reach(private_networks=(ip_network("169.254.169.254/32"),))
    assert wide.allows("169.254.1.1")
    assert not wide.allows("169.254.169.254") and not wide.allows("::ffff:169.254.169.254")
    assert exact.allows("169.254.169.254")


@given(st.ip_addresses())
def test_no_address_of_a_refused_network_gets_through_in_ipv6_clothes(
    address: IPv4Address | IPv6Address,
) -> None:
    if isinstance(address, IPv4Address):
        clothed = [f"::ffff:{address}", f"::{address}", f"64:ff9b::{address}"]
        is_refused = any(address in network for network in NOT_PUBLIC)
        assert CLOSED.allows(clothed[0]) is not is_refused
        assert not CLOSED.allows(clothed[1]) and not CLOSED.allows(clothed[2])
    else:
        assert CLOSED.allows(str(address)) in (True, False)


@pytest.mark.parametrize(
    "url",
    ["https://shop.example/hooks", "https://shop.example", "https://shop.example:8443/a?b=c",
     "https://8.8.8.8/", "https://[2606:4700:4700::1111]/", "https://商店.example/",
     "https://shop.example./", "https://a-b.c1.example/"],
)  # fmt: skip
def test_an_https_address_of_the_internet_can_be_called(url: str) -> None:
    assert objection(url, CLOSED) is None


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://shop.example/", "https"),
        ("ftp://shop.example/", "http"),
        ("file:///etc/passwd", "http"),
        ("//shop.example/", "http"),
        ("https://user:secret@shop.example/", "user name"),
        ("https://user@shop.example/", "user name"),
        ("https://shop.example/#part", "fragment"),
        ("https:///path", "no host"),
        ("https://shop.example:22/", "port 22"),
        ("https://shop.example:99999/", "not a URL"),
        ("https://[::1/", "not a URL"),
        ("https://127.0.0.1/", "not public"),
        ("https://[::ffff:127.0.0.1]/", "not public"),
        ("https://169.254.169.254/latest/meta-data", "not public"),
        ("https://127.1/", "unusual"),
        ("https://0x7f000001/", "unusual"),
        ("https://2130706433/", "unusual"),
        ("https://0177.0.0.1/", "unusual"),
        ("https://１２７.0.0.1/", "not public"),
        ("https://127。0。0。1/", "not public"),
        ("https://shop..example/", "not a name"),
        ("https://" + "a" * 64 + ".example/", "not a name"),
        ("https://pay.example/v1/payments", "ourselves"),
        ("https://shop.example/" + "a" * 2_048, "longer"),
    ],
)
def test_any_other_address_is_refused_with_the_reason(url: str, reason: str) -> None:
    assert reason in (objection(url, CLOSED) or "")


def test_an_allowed_private_address_is_free_in_port_and_scheme_and_a_name_is_not() -> None:
    assert objection("http://127.0.0.1:12345/", LOCAL) is None
    assert objection("http://[::1]:12345/", LOCAL) is None
    assert objection("http://localhost:12345/", LOCAL) == "https is needed"
    plain = Reach(plain_http=True, ports=frozenset({12345}))
    assert objection("http://localhost:12345/", plain) is None


def test_the_settings_are_read_as_lists() -> None:
    reach = Reach.of(
        ports="443, 8443", private_networks="10.0.0.0/8, ::1/128", plain_http=False,
        public_url="https://pay.example",
    )  # fmt: skip
    assert reach.ports == {443, 8443} and reach.own_hosts == {"pay.example:443"}
    assert reach.is_private_allowed(ip_address("10.1.2.3"))
    with pytest.raises(ValueError):
        Reach.of(ports="", private_networks="10.0.0.1/8", plain_http=False, public_url="")


@pytest.mark.parametrize(
    "name",
    ["Host", "content-length", "Content-Type", "transfer-encoding", "connection", "User-Agent",
     "te", "upgrade", "cookie", "proxy-authorization", "Webhook-Id", "webhook-signature",
     "x-forwarded-for", "sec-fetch-mode", "", "a b", "a:b", "ä", "a" * 65],
)  # fmt: skip
def test_headers_that_are_ours_or_no_headers_are_refused(name: str) -> None:
    assert headers_objection({name: "value"}) is not None


@pytest.mark.parametrize("value", ["a\r\nhost: evil", "a\nb", "a\x00", "ä", "a\x7f"])
def test_a_header_value_holds_no_line_break_and_nothing_ambiguous(value: str) -> None:
    assert headers_objection({"authorization": value}) is not None


def test_a_merchants_own_headers_are_taken_up_to_a_limit() -> None:
    assert headers_objection({"Authorization": "Bearer abc", "X-Shop": "7"}) is None
    assert headers_objection({f"x-{n}": "" for n in range(HEADERS_MAX + 1)}) is not None
    assert headers_objection({"x-long": "a" * 4_096}) is not None
    assert headers_objection({"x-a": "1", "X-A": "2"}) == ("x-a", "it stands there twice")
