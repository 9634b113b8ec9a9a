"""The books at the terminal: what an operator sees, has done, and is refused."""

from __future__ import annotations

import asyncio
import csv
import json
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from actors.accounting.actor import accounting
from actors.accounting.terminal import ledger_cli
from bus import asking
from bus.broker import Broker
from bus.database import Pool
from bus.decider import DeciderRun
from deploy.local.services import Services
from schema.ids import is_account_no
from schema.settings import Settings
from tests.actors.books import Books
from tests.actors.kept_books import a_copy, kept_books
from tests.sites import Site

WRONG, STRANGE = "100000000000000000005", "100000000000000000000"
"""A number whose last digit does not fit, and one that nobody has."""


class Desk:
    """A terminal, and the room that answers it."""

    def __init__(self, site: Site, folder: Path, books: Books) -> None:
        self.settings = Settings(
            postgres_url=site.postgres_url, rabbitmq_url=site.rabbitmq_url, redis_url="",
            master_key=site.master_key, ledger_anchor_url=str(folder / "anchors"),
        )  # fmt: skip
        self.books = books

    async def types(self, *words: str) -> Result:
        """A command as an operator gives it, in a thread since it runs an event loop of its own."""
        invoke = CliRunner().invoke
        return await asyncio.to_thread(
            invoke, ledger_cli, list(words), obj=lambda: self.settings, env={"USER": "carol"}
        )

    async def says(self, *words: str) -> Any:
        """What a command prints as JSON; it must not fail."""
        result = await self.types(*words, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    async def is_refused(self, *words: str) -> str:
        """What a command that is refused says, which is all that it says."""
        result = await self.types(*words)
        assert (result.exit_code, result.stdout) == (1, "")
        return result.stderr

    async def number(self) -> str:
        """The merchant's account number."""
        return (await self.books.account())["account_no"]


@pytest.fixture
async def desk(pool: Pool, site: Site, tmp_path: Path) -> AsyncGenerator[Desk]:
    broker = Broker(site.rabbitmq_url, name="accounting")
    await broker.connect()
    room = DeciderRun(accounting(), pool=pool, broker=broker)
    await broker.declare()
    await room.start()
    await broker.start()
    books = Books(pool)
    await books.hear(books.paid(3))
    yield Desk(site, tmp_path, books)
    await broker.pause()
    await room.stop()
    await broker.stop()


async def test_an_account_is_opened_shown_and_listed(desk: Desk) -> None:
    opened = await desk.says("account", "open", "agent_77", "--role", "agent")
    assert is_account_no(opened["account_no"])
    assert (opened["role"], opened["kind"], opened["balance_fen"]) == ("agent", "payable", 0)
    shown = await desk.says("account", "show", await desk.number())
    assert (shown["balance_fen"], shown["serial"], shown["state"]) == (2_982, 3, "available")
    listed = await desk.says("account", "list", "--owner", desk.books.merchant_no)
    assert [line["kind"] for line in listed] == ["payable"]


async def test_a_balance_is_shown_now_and_at_a_moment_in_the_past(desk: Desk) -> None:
    number = await desk.number()
    now = await desk.says("balance", number)
    assert (now["balance_fen"], now["out_of_reserve_fen"]) == (2_982, 2_982)
    assert now["in_reserve_fen"] == 0
    before = await desk.says("balance", number, "--at", "2026-03-01 12:05:06")
    assert (before["balance_fen"], before["serial"]) == (0, 0)
    after = await desk.says("balance", number, "--at", "2026-03-01 12:05:07")
    assert (after["balance_fen"], after["serial"]) == (2_982, 3)


async def test_entries_are_listed_page_by_page(desk: Desk) -> None:
    number = await desk.number()
    first = await desk.says("entries", number, "--limit", "2")
    rest = await desk.says("entries", number, "--after", str(first[-1]["serial"]))
    assert [line["balance_after_fen"] for line in first + rest] == [994, 1_988, 2_982]
    assert {line["fee_fen"] for line in first} == {6}


async def test_a_days_statement_is_written_to_a_file_once(desk: Desk, tmp_path: Path) -> None:
    number, out = await desk.number(), tmp_path / "statement.csv"
    words = ("statement", number, "--day", "2026-03-01", "--out", str(out))
    assert (await desk.types(*words)).stdout == f"3 entries in {out}\n"
    lines = list(csv.DictReader(out.read_text("utf-8-sig").splitlines()))
    assert [line["balance_after_fen"] for line in lines] == ["994", "1988", "2982"]
    assert lines[0]["booked_at"] == "2026-03-01T12:05:06+08:00"
    assert await desk.is_refused(*words) == f"{out} is there already\n"


async def test_a_frozen_account_gives_nothing_and_its_history_says_who_froze_it(desk: Desk) -> None:
    number, owner = await desk.number(), f"owner={desk.books.merchant_no}"
    why = ("--reason", "court order")
    result = await desk.types("account", "freeze", number, "--only", "debit", *why)
    assert "freeze_debit" in result.stdout
    refused = await desk.is_refused("post", "withdrawal", owner, "amount_fen=1")
    assert refused.startswith("account_frozen: ")
    again = await desk.is_refused("account", "freeze", number, "--only", "debit", *why)
    assert again.startswith("illegal_change: ")
    await desk.types("account", "unfreeze", number, *why)
    history = await desk.says("account", "history", number)
    assert [(line["what"], line["operator"], line["reason"]) for line in history] == [
        ("unfreeze", "carol", "court order"),
        ("freeze_debit", "carol", "court order"),
    ]


async def test_a_booking_is_asked_for_by_kind_and_fields(desk: Desk) -> None:
    owner = f"owner={desk.books.merchant_no}"
    wish = ("post", "charge", "no=c77", owner, "amount_fen=82")
    booked = await desk.says(*wish)
    assert (booked["booking_key"], booked["amount_fen"]) == ("charge:c77", 82)
    assert await desk.says(*wish) == booked  # a repeat changes nothing
    refused = await desk.is_refused("post", "withdrawal", owner, "amount_fen=3000")
    assert refused.startswith("insufficient_balance: 2900 fen ")
    assert refused.endswith("(amount_fen)\n")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("coin",), "there is no kind 'coin'"),
        (("charge", "owner=m1"), "missing required field `amount_fen`"),
        (("charge", "owner=m1", "amount_fen=0"), "`$.amount_fen`"),
        (("charge", "owner=m1", "amount_fen=1", "amont=2"), "charge has no field amont"),
    ],
)
async def test_what_cannot_be_booked_is_not_sent(
    desk: Desk, words: tuple[str, ...], says: str
) -> None:
    assert says in await desk.is_refused("post", *words, *(("x=1",) if len(words) == 1 else ()))


@pytest.mark.parametrize("words", [("balance",), ("entries",), ("account", "show")])
async def test_an_account_number_with_a_wrong_digit_is_not_asked_about(
    desk: Desk, words: tuple[str, ...]
) -> None:
    assert await desk.is_refused(*words, WRONG) == (
        f"illegal_account_no: a digit of '{WRONG}' is wrong or missing (account_no)\n"
    )


async def test_an_account_number_that_nobody_has_is_refused(desk: Desk) -> None:
    reading = (("balance",), ("entries",), ("account", "show"), ("account", "history"))
    why = ("--reason", "nobody's")
    for words in (*reading, ("rate", "list"), ("account", "freeze", *why)):
        assert await desk.is_refused(*words, STRANGE) == (
            f"unknown_account: no account {STRANGE} (account_no)\n"
        )


async def test_a_hold_is_placed_listed_and_released(desk: Desk) -> None:
    owner, why = desk.books.merchant_no, ("--reason", "dispute")
    await desk.says("account", "open", owner)
    placed = await desk.types("hold", "place", owner, "500", "--no", "h77", *why)
    assert "hold:h77" in placed.stdout
    (hold,) = await desk.says("hold", "list", "--owner", owner)
    assert (hold["hold_no"], hold["remaining_fen"], hold["operator"]) == ("h77", 500, "carol")
    await desk.types("hold", "release", "h77", owner, "--amount", "200", *why)
    assert (await desk.says("balance", await desk.number()))["frozen_fen"] == 300
    refused = await desk.is_refused("hold", "release", "h77", owner, "--amount", "301", *why)
    assert refused.startswith("hold_too_small: ")


async def test_a_rate_holds_from_its_time_on(desk: Desk) -> None:
    number, why = await desk.number(), ("--reason", "contract")
    plan = ("--percent-ppm", "1000", "--fixed", "5", "--tier", "100000=500")
    result = await desk.types("rate", "set", number, "withdrawal", *plan, *why)
    assert result.exit_code == 0, result.output
    rates = await desk.says("rate", "list", number)
    (newest,) = [r for r in rates if r["kind"] == "withdrawal" and r["reason"] == "contract"]
    assert newest["plan"]["fixed_fen"] == 5 and newest["plan"]["tiers"][0]["percent_ppm"] == 500
    late = ("--effective", "2020-01-01")
    refused = await desk.is_refused("rate", "set", number, "refund", *late, *why)
    assert refused.startswith("effective_in_the_past: ") and "(effective_at)" in refused


async def test_an_adjustment_needs_two_people(desk: Desk) -> None:
    payable = await desk.number()
    other = (await desk.says("account", "open", "agent_78", "--role", "agent"))["account_no"]
    why = ("--no", f"adj-{payable}", "--reason", "a fen too much")
    asked = await desk.types("adjust", "propose", payable, other, "1", *why)
    assert f"adjustment adj-{payable} waits" in asked.stdout
    own = await desk.is_refused("adjust", "approve", f"adj-{payable}")
    assert own.startswith("maker_is_checker: ")
    waiting = await desk.says("adjust", "list")
    assert f"adj-{payable}" in {line["adjustment_no"] for line in waiting}
    approved = await desk.types("adjust", "approve", f"adj-{payable}", "--operator", "dave")
    assert f"adjustment:adj-{payable}" in approved.stdout


async def test_an_alarm_that_is_not_there_is_not_cleared(desk: Desk) -> None:
    refused = await desk.is_refused("alarm", "clear", "alm_0", "--reason", "looked")
    assert refused == "unknown_alarm: no alarm alm_0 (alarm_no)\n"
    assert (await desk.types("alarm", "list")).exit_code == 0


async def test_a_room_that_is_away_is_said_to_be(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(asking.ask.__kwdefaults__, "within_s", 0.5)
    desk.settings = replace(desk.settings, rabbitmq_url="amqp://nobody@127.0.0.1:1/")
    result = await desk.types("account", "open", "m1")
    assert result.exit_code == 1 and "RabbitMQ does not answer" in result.stderr


async def test_the_books_are_proved_at_the_terminal(
    services: Services, desk: Desk, tmp_path: Path
) -> None:
    url = services.postgres_url
    async with kept_books(url) as kept, a_copy(url, kept) as copy:
        desk.settings = replace(desk.settings, postgres_url=copy.url)
        good = await desk.types("check")
        assert good.exit_code == 0 and good.stdout.endswith("29 entries: nothing is wrong\n")
        assert "1 of 1 heads anchored" in (await desk.types("anchor")).stdout
        assert "0 of 1 heads anchored" in (await desk.types("anchor")).stdout
        await copy.tamper("UPDATE accounting.batch SET hash = sha256('') WHERE no = 8")
        bad = await desk.types("verify")
        assert bad.exit_code == 1
        assert "chain: platform platform: batch 8 of shard 0 is not as it was hashed" in bad.stdout
        assert "heads: platform platform: batch 8 of shard 0 was " in bad.stdout
        desk.settings = replace(desk.settings, ledger_anchor_url="/proc/anchors")
        assert "out of reach" in await desk.is_refused("verify")
        desk.settings = replace(desk.settings, ledger_anchor_url=str(tmp_path / "anchors"))
        told = await desk.types("check", "--json")
        breaks = [b["check_name"] for f in json.loads(told.stdout) for b in f["breaks"]]
        assert (told.exit_code, breaks) == (1, ["chain", "heads"])
