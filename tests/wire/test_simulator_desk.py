"""The payer's page and the controls for scripts, over real HTTP."""

from __future__ import annotations

import stat
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from handlers.simulator import (
    SimulatorConfig,
    generate_account,
    load_config,
    save_config,
    simulator_app,
)
from handlers.simulator.desk.reading import is_loopback
from handlers.simulator.fronts import FRONTS
from schema.channels import Paid, Pending, QrCode, TransferPending
from schema.channels.wechat import WechatKeys
from tests.wire.street import Accounts, Street, a_street, fresh
from tests.wire.wechat_pair import MCHID, ORDER_NO, a_transfer


async def test_a_payer_sees_the_order_and_pays_with_a_button(street: Street) -> None:
    created = await street.create(subject="<b>番茄</b>", amount_fen=1234567)
    assert isinstance(created, Pending) and isinstance(created.offer, QrCode)
    pages, by = [], {"code": created.offer.url}
    for method in ("GET", "POST"):
        url = f"{street.origin}/pay"
        async with street.session.request(method, url, params=by) as answer:
            pages.append((answer.status, await answer.text()))
    (seen, page), (done, paid_page) = pages
    assert (seen, done) == (200, 200)
    assert "¥12,345.67" in page and "<button" in page
    assert "&lt;b&gt;" in page and "<b>" not in page
    assert "支付成功" in paid_page and "<button" not in paid_page
    assert isinstance(await street.query(), Paid)


async def test_a_payer_finds_an_order_by_its_number(street: Street) -> None:
    await street.create()
    statuses = []
    for path in (f"/pay/{ORDER_NO}", f"/pay/{ORDER_NO}?account_no={MCHID}", "/pay/none", "/pay"):
        async with street.session.get(street.origin + path) as answer:
            statuses.append(answer.status)
    assert statuses == [200, 200, 404, 404]


async def test_trades_are_listed_page_by_page_in_order(street: Street) -> None:
    for number in range(5):
        await street.create(number=f"order-{number}")
    numbers, after = [], 0
    while after is not None:
        url = f"{street.origin}/simulator/trades?after={after}&limit=2"
        async with street.session.get(url) as answer:
            page = await answer.json()
        numbers.append([trade["number"] for trade in page["trades"]])
        after = page["next"]
    assert numbers == [["order-0", "order-1"], ["order-2", "order-3"], ["order-4"]]


async def test_a_merchant_added_while_it_runs_is_served_and_kept_in_a_private_file(
    accounts: Accounts, tmp_path: Path
) -> None:
    path = tmp_path / "simulator.json"
    async with a_street(accounts, path) as street:
        url, notify_url = street.origin, street.keys.account.notify_url
        ours, theirs = generate_account("1900000003", "wx3", url, notify_url)
        by_hand = SimulatorConfig(accounts=(replace(theirs, mchid="1900000004"),), clock_speed=7)
        save_config(path, by_hand)
        status, _ = await street.tell("/simulator/accounts", theirs)
        assert status == 204
        street.keys = WechatKeys.of(ours)
        assert isinstance(await street.create(), Pending)
    kept = load_config(path)
    assert kept == by_hand.with_account(theirs)
    assert [each.mchid for each in kept.accounts] == ["1900000004", "1900000003"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_from_when_there_was_one_platform_is_read(
    accounts: Accounts, tmp_path: Path
) -> None:
    path, config = tmp_path / "simulator.json", SimulatorConfig(accounts=(accounts[1],))
    save_config(path, config)
    old = msgspec.json.decode(path.read_bytes())
    del old["accounts"][0]["protocol"]
    path.write_bytes(msgspec.json.encode(old))
    assert load_config(path) == config


async def test_an_account_whose_keys_are_no_keys_is_refused_without_quoting_them(
    accounts: Accounts, tmp_path: Path
) -> None:
    path = tmp_path / "simulator.json"
    async with a_street(accounts, path) as street:
        broken = replace(accounts[1], mchid="1900000004", platform_private_key_pem="secret words")
        status, told = await street.tell("/simulator/accounts", broken)
    assert (status, told["code"]) == (400, "bad_account")
    assert "platform_private_key_pem" in told["message"] and "secret" not in told["message"]
    assert not path.exists()


async def test_accounts_are_added_only_as_json(street: Street, accounts: Accounts) -> None:
    body = msgspec.json.encode(accounts[1])
    url = f"{street.origin}/simulator/accounts"
    async with street.session.post(url, data=body) as answer:
        assert answer.status == 403


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("/simulator/pay", {"number": 1}),
        ("/simulator/faults", {"account_no": MCHID, "api": "create", "kind": "earthquake"}),
        ("/simulator/faults", {"account_no": MCHID, "api": "create", "kind": "forged_notify"}),
        ("/simulator/accounts", {"mchid": MCHID}),
    ],
)
async def test_a_script_that_asks_for_nonsense_is_told_so(
    street: Street, path: str, document: object
) -> None:
    status, told = await street.tell(path, document)
    assert status == 400 and told["message"]


async def test_the_simulator_says_that_it_is_well(accounts: Accounts) -> None:
    async with a_street(accounts) as street, street.session.get(f"{street.origin}/healthz") as well:
        assert (well.status, await well.json()) == (200, {"status": "ok"})


def test_an_account_never_shows_its_keys(accounts: Accounts) -> None:
    shown = "".join(repr(each) + repr(each.__rich_repr__()) for each in accounts)
    assert "PRIVATE" not in shown and accounts[0].api_v3_key not in shown


def test_an_application_with_a_broken_account_does_not_start(accounts: Accounts) -> None:
    broken = replace(accounts[1], api_v3_key="short")
    with pytest.raises(ValueError, match="api_v3_key"):
        simulator_app(SimulatorConfig(accounts=(broken,)))


@pytest.mark.parametrize(
    ("remote", "is_ours"),
    [
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("::ffff:10.0.0.5", False),
        ("10.0.0.5", False),
        ("/run/simulator.sock", False),
        (None, False),
    ],
)
def test_only_this_machine_may_add_accounts(remote: str | None, is_ours: bool) -> None:
    assert is_loopback(remote) == is_ours


@pytest.mark.parametrize("protocol", [front.protocol for front in FRONTS])
async def test_a_stranger_gets_an_account_of_any_platform_with_one_request(
    street: Street, protocol: str
) -> None:
    wish = {"protocol": protocol, "account_no": "2088", "notify_url": "http://shop.test/n"}
    status, ours = await street.tell("/simulator/accounts/new", wish)
    assert status == 201 and ours["base_url"] == street.origin
    served = (await street.look("/simulator/accounts"))["accounts"]
    assert {"protocol": protocol, "account_no": "2088"} in served
    assert "PRIVATE" not in str(served)


async def test_an_account_is_made_only_for_this_machine_and_not_for_a_form(
    street: Street,
) -> None:
    url = f"{street.origin}/simulator/accounts/new"
    async with street.session.post(url, data={"protocol": "wechat"}) as answer:
        assert answer.status == 403


async def test_a_payer_who_pays_by_script_can_refuse_too(street: Street) -> None:
    await street.create()
    status, told = await street.tell("/simulator/refuse", {"number": ORDER_NO})
    assert (status, told["state"]) == (200, "failed")
    status, told = await street.tell("/simulator/refuse", {"number": "none"})
    assert (status, told["param"]) == (404, "number")


async def test_a_transfer_is_confirmed_by_script_with_its_package(street: Street) -> None:
    sent = await street.ask(street.language.transfer(a_transfer(), fresh()))
    assert isinstance(sent, TransferPending)
    path = "/simulator/transfers/confirm"
    assert (await street.tell(path, {"package": sent.package}))[0] == 200
    assert (await street.tell(path, {"package": "other"}))[0] == 404
