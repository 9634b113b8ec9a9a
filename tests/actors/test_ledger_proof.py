"""The proof of the books: nothing is found in books that are right, and whatever is wrong is."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import asyncpg
import pytest

from actors.accounting.proof import proving
from actors.accounting.proof.anchors import Anchors
from actors.accounting.proof.breaks import Break, Known, alarm_no, news
from actors.accounting.proof.proving import Proof
from bus.database import connect
from bus.jobs import now_utc
from deploy.local.services import Services
from schema.days import day_of
from tests.actors.books import Books
from tests.actors.kept_books import Kept, a_copy, kept_books


@pytest.fixture(scope="module")
async def kept(services: Services) -> AsyncGenerator[Kept]:
    async with kept_books(services.postgres_url) as books:
        yield books


@pytest.fixture
async def copy(services: Services, kept: Kept) -> AsyncGenerator[Kept]:
    async with a_copy(services.postgres_url, kept) as books:
        yield books


@pytest.fixture
async def looking(copy: Kept) -> AsyncGenerator[asyncpg.Connection]:
    async with proving.looking(copy.url) as connection:
        yield connection


def found(proof: Proof, kept: Kept) -> set[str]:
    """Which checks have found something, and about whom."""
    return {f"{b.check_name} {kept.owners.get(b.owner, b.owner)}" for b in proof.breaks}


async def test_books_that_are_right_have_no_break(copy: Kept, looking: asyncpg.Connection) -> None:
    for prove in (proving.prove_all, proving.prove_new, proving.prove_chain):
        proof = await prove(looking)
        assert (proof.breaks, proof.entries) == ([], 29), prove
    counts = {f.check_name: f.looked_at for f in (await proving.prove_all(looking)).findings}
    assert {name: counts[name] for name in ("batches", "holds", "payouts", "trades", "days")} == {
        "batches": 8, "holds": 1, "payouts": 2, "trades": 3, "days": 1,
    }  # fmt: skip


TAMPERINGS: dict[str, tuple[str, set[str]]] = {
    "an entry's amount": (
        "UPDATE accounting.entry SET amount_fen = amount_fen + 1 WHERE {newest}",
        {"sums one", "serials one", "days one", "chain platform"},
    ),
    "an entry's currency": (
        "UPDATE accounting.entry SET currency = 'USD' WHERE {newest}",
        {"sums one", "currencies one", "chain platform"},
    ),
    "an entry's serial": (
        "UPDATE accounting.entry SET serial = serial + 1 WHERE {newest}",
        {"serials one", "balances one", "days one", "chain platform"},
    ),
    "an entry and all that follows from it": (
        "UPDATE accounting.entry SET amount_fen = amount_fen + 1,"
        " balance_after_fen = balance_after_fen + 1 WHERE {newest};"
        "UPDATE accounting.account SET balance_fen = balance_fen + 1"
        " WHERE owner = '{one}' AND kind = 'payable'",
        {"sums one", "total platform", "days one", "chain platform"},
    ),
    "entries that are gone": (
        "DELETE FROM accounting.entry WHERE kind = 'charge'",
        {"batches platform", "balances two", "days two", "days platform", "chain platform"},
    ),
    "a row's balance": (
        "UPDATE accounting.account SET balance_fen = balance_fen + 1"
        " WHERE owner = '{one}' AND kind = 'payable'",
        {"balances one"},
    ),
    "a row that has stayed behind": (
        "UPDATE accounting.account AS a SET serial = a.serial - 1, balance_fen ="
        " (SELECT balance_after_fen FROM accounting.entry AS e"
        "  WHERE e.account_id = a.account_id AND e.serial = a.serial - 1)"
        " WHERE owner = '{one}' AND kind = 'payable'",
        {"balances one"},
    ),
    "a balance beyond its floor": (
        "UPDATE accounting.account SET floor_fen = balance_fen + 1"
        " WHERE owner = '{one}' AND kind = 'payable'",
        {"limits one"},
    ),
    "more out of reserve than there is": (
        "UPDATE accounting.account SET out_of_reserve_fen = balance_fen + 1"
        " WHERE owner = '{one}' AND kind = 'payable'",
        {"reserves one"},
    ),
    "a hold": ("UPDATE accounting.hold SET remaining_fen = remaining_fen - 1", {"holds one"}),
    "a hold that is gone": ("DELETE FROM accounting.hold", {"holds one"}),
    "a payout's end": (
        "UPDATE accounting.payout SET state = 'completed' WHERE owner = '{two}'",
        {"payouts two"},
    ),
    "a refund's end": (
        "UPDATE accounting.refund SET state = 'completed'",
        {"refunds one"},
    ),
    "what was refunded": (
        "UPDATE accounting.trade_use SET refunded_fen = refunded_fen - 1 WHERE refunded_fen > 0",
        {"trades one"},
    ),
    "what was shared": ("DELETE FROM accounting.trade_use WHERE shared_fen > 0", {"trades one"}),
    "a day's balance": (
        "UPDATE accounting.balance_day SET balance_fen = balance_fen + 1 WHERE account_id ="
        " (SELECT account_id FROM accounting.account WHERE owner = '{one}' AND kind = 'payable')",
        {"days one"},
    ),
    "what moved on a day": (
        "DELETE FROM accounting.collect_day WHERE kind = 'charge' AND amount_fen < 0",
        {"days two"},
    ),
    "a booking's amount": (
        "UPDATE accounting.booking SET amount_fen = amount_fen + 1 WHERE kind = 'charge'",
        {"chain platform"},
    ),
    "a booking under a key that exists": (
        "INSERT INTO accounting.booking SELECT booking_id + 1, booking_key, kind, subject, party,"
        " channel_no, funds_flow, amount_fen, fee_fen, digest, booked_at"
        " FROM accounting.booking WHERE kind = 'charge'",
        {"keys platform", "batches platform", "chain platform"},
    ),
    "a batch that is gone": (
        "DELETE FROM accounting.batch WHERE no = 2",
        {"strays platform", "chain platform"},
    ),
    "a batch's hash": (
        "UPDATE accounting.batch SET hash = sha256('') WHERE no = 2",
        {"chain platform"},
    ),
}


@pytest.mark.parametrize("what", TAMPERINGS)
async def test_what_somebody_has_changed_is_found(
    copy: Kept, looking: asyncpg.Connection, what: str
) -> None:
    statements, expected = TAMPERINGS[what]
    await copy.tamper(statements)
    assert found(await proving.prove_all(looking), copy) == expected


async def test_every_check_is_shown_to_find_something(looking: asyncpg.Connection) -> None:
    shown = {name.split()[0] for _, names in TAMPERINGS.values() for name in names}
    checks = {finding.check_name for finding in (await proving.prove_all(looking)).findings}
    assert checks - shown == {"heads"}  # which has its own test below


LAST_BATCH_GONE = """
    DELETE FROM accounting.entry WHERE kind = 'charge';
    DELETE FROM accounting.booking WHERE kind = 'charge';
    DELETE FROM accounting.batch WHERE no = 8;
"""


async def test_a_newest_batch_that_is_gone_was_proved_before(
    copy: Kept, looking: asyncpg.Connection
) -> None:
    await proving.keep_heads(looking, (await proving.prove_new(looking)).heads)
    await copy.tamper(LAST_BATCH_GONE)
    assert found(await proving.prove_new(looking), copy) == {"heads platform"}


async def test_a_head_that_was_anchored_and_is_gone_is_found(
    copy: Kept, looking: asyncpg.Connection, tmp_path: Path
) -> None:
    anchors, now = Anchors(str(tmp_path / "anchors"), copy.url), now_utc()
    heads = await proving.heads_now(looking)
    assert await anchors.write(heads, day_of(now), now) == 1
    assert (await proving.prove_chain(looking, anchored=await anchors.read())).breaks == []
    await copy.tamper(LAST_BATCH_GONE)
    assert found(await proving.prove_chain(looking), copy) == set()
    proof = await proving.prove_chain(looking, anchored=await anchors.read())
    assert found(proof, copy) == {"heads platform"}
    assert "batch 8 of shard 0 was " in proof.breaks[0].detail


async def test_an_anchor_is_never_written_over(
    copy: Kept, looking: asyncpg.Connection, tmp_path: Path
) -> None:
    anchors, now = Anchors((tmp_path / "anchors").as_uri(), copy.url), now_utc()
    (head,) = await proving.heads_now(looking)
    assert await anchors.write([head], day_of(now), now) == 1
    assert await anchors.write([head._replace(no=9)], day_of(now), now) == 0
    assert await anchors.read() == [head]
    assert await Anchors(str(tmp_path / "anchors"), "postgresql://db/other").read() == []


async def test_a_look_at_what_is_new_begins_where_the_last_one_has_ended(
    copy: Kept, looking: asyncpg.Connection
) -> None:
    await proving.keep_heads(looking, (await proving.prove_new(looking)).heads)
    assert (await proving.prove_new(looking)).entries == 0
    async with await connect(copy.url) as pool:
        books = Books(pool)
        await books.hear(books.paid(2))
    assert (await proving.prove_new(looking)).entries == 6
    await copy.tamper(
        "UPDATE accounting.entry SET amount_fen = amount_fen + 1"
        f" WHERE account_id = (SELECT account_id FROM accounting.account"
        f" WHERE owner = '{books.merchant_no}' AND kind = 'payable') AND serial = 2"
    )
    proof = await proving.prove_new(looking)
    assert found(proof, copy) == {
        f"sums {books.merchant_no}", f"serials {books.merchant_no}", "chain platform",
    }  # fmt: skip


BREAK = Break(check_name="holds", role="merchant", owner="m1", detail="5 CNY")


def test_a_break_raises_one_alarm_however_often_it_is_found() -> None:
    (raised,) = news([BREAK, BREAK], [])
    assert (raised.alarm_no, raised.check_name, raised.owner) == (alarm_no(BREAK), "holds", "m1")
    assert news([BREAK], [_known(BREAK)]) == []


def test_an_owner_has_one_open_alarm_per_check() -> None:
    another = Break(check_name="holds", role="merchant", owner="m1", detail="6 CNY")
    assert len(news([BREAK, another], [])) == 1
    assert news([another], [_known(BREAK)]) == []


def test_what_was_cleared_is_raised_again_only_when_it_is_another_break() -> None:
    another = Break(check_name="holds", role="merchant", owner="m1", detail="6 CNY")
    cleared = [_known(BREAK, is_open=False)]
    assert [alarm.detail for alarm in news([BREAK, another], cleared)] == ["6 CNY"]


def _known(about: Break, *, is_open: bool = True) -> Known:
    whose = {"check_name": about.check_name, "role": about.role, "owner": about.owner}
    return Known(alarm_no=alarm_no(about), is_open=is_open, **whose)
