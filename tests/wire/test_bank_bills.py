"""The bank's bills: what is written is read again, and what does not add up is no bill."""

from __future__ import annotations

from datetime import date
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from schema.channels import (
    BillAt,
    BillWish,
    FundBill,
    FundLine,
    HttpAnswer,
    ProtocolError,
    TradeBill,
    TradeLine,
    Unknown,
)
from schema.channels.bank.bills import read_funds, read_trades, written_funds, written_trades
from tests.wire.bank_pair import BANK, NOW, STAMP

DAY = date(2026, 3, 1)
PAYMENT = TradeLine(
    kind="payment", number="o1", order_number="o1", channel_number="BO1", channel_payment_id="BO1",
    amount_fen=1999, fee_fen=12, state="PAID", happened_at=NOW, payer_id="6222-1",
)  # fmt: skip
REFUND = replace(
    PAYMENT, kind="refund", number="r1", channel_number="BR1", amount_fen=500, fee_fen=-3,
    state="DONE",
)  # fmt: skip
PAID_IN = FundLine(
    channel_number="F1", business_number="BO1", number="o1", business="payment",
    amount_fen=1999, balance_fen=1999, happened_at=NOW,
)  # fmt: skip
SENT_OUT = replace(
    PAID_IN, channel_number="F2", business="transfer", amount_fen=-1000, balance_fen=999
)
TRADES = written_trades([PAYMENT, REFUND])
FUNDS = written_funds([PAID_IN, SENT_OUT])


def fetched(body: bytes, kind: Any = "trades", **changed: Any) -> Any:
    """What we read of a bill that the bank promised with this content."""
    digest = changed.pop("digest", sha256(body).hexdigest())
    place = BillAt(url="https://files.bank.test/b/1.csv?x=1", digest=digest, digest_kind="sha256")
    question = BANK.fetch_bill(BillWish(day=DAY, kind=kind), place, STAMP)
    return question.read(HttpAnswer(status=changed.pop("status", 200), headers={}, body=body), NOW)


def test_a_bill_of_trades_is_written_as_the_protocol_says() -> None:
    assert TRADES.decode().splitlines() == [
        "kind,number,order_number,bank_number,bank_order_number,amount_fen,fee_fen,state,"
        "happened_at,payer_account",
        "payment,o1,o1,BO1,BO1,1999,12,PAID,2026-03-01T12:05:06+08:00,6222-1",
        "refund,r1,o1,BR1,BO1,500,-3,DONE,2026-03-01T12:05:06+08:00,6222-1",
        "#total,2,1999,500,9",
    ]


def test_both_kinds_of_bill_are_read_as_they_were_written() -> None:
    assert fetched(TRADES) == TradeBill(day=DAY, lines=(PAYMENT, REFUND))
    assert fetched(FUNDS, "funds") == FundBill(day=DAY, lines=(PAID_IN, SENT_OUT))


def test_a_bill_is_fetched_where_it_was_promised_by_a_signed_request() -> None:
    place = BillAt(url="https://files.bank.test/b/1.csv?x=1", digest="", digest_kind="sha256")
    request = BANK.fetch_bill(BillWish(day=DAY), place, STAMP).request
    assert (request.origin, request.path) == ("https://files.bank.test", "/b/1.csv?x=1")
    assert request.headers["Bank-Signature"]


def test_a_column_that_was_added_changes_nothing() -> None:
    wider = TRADES.replace(b"payer_account\r\n", b"payer_account,new\r\n")
    wider = wider.replace(b"6222-1\r\n", b"6222-1,?\r\n")
    assert fetched(wider) == fetched(TRADES)


@pytest.mark.parametrize(
    ("what", "instead"),
    [
        (b"1999,12", b"1998,12"),
        (b"500,-3", b"500,3"),
        (b"#total,2", b"#total,3"),
        (b"#total,2,1999,500,9\r\n", b""),
        (b"refund,r1", b"gift,r1"),
        (b"2026-03-01T12:05:06+08:00,6222-1\r\nrefund", b"yesterday,6222-1\r\nrefund"),
        (b"1999,12,PAID", b"19.99,12,PAID"),
        (b"PAID,", b"PAID,,"),
        (b"number,order_number", b"number,number"),
        (b"happened_at", b"happened"),
        (b"o1,o1,BO1", b'o1,"o1,BO1'),
        (b"6222-1", b"\xff"),
    ],
)
def test_a_bill_that_does_not_add_up_is_no_bill(what: bytes, instead: bytes) -> None:
    changed = TRADES.replace(what, instead, 1)
    assert changed != TRADES
    verdict = fetched(changed)
    assert isinstance(verdict, Unknown) and verdict.why == "unparsable"


def test_a_bill_of_movements_that_was_cut_is_no_bill() -> None:
    cut = b"".join(line for line in FUNDS.splitlines(True) if b"transfer" not in line)
    assert isinstance(fetched(cut, "funds"), Unknown)


def test_a_bill_that_does_not_fit_its_digest_is_not_the_banks() -> None:
    verdict = fetched(TRADES, digest="0" * 64)
    assert isinstance(verdict, Unknown) and verdict.why == "bad_signature"
    assert isinstance(fetched(TRADES, status=500), Unknown)
    assert isinstance(fetched(TRADES, status=404), Unknown)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
lines = st.builds(
    TradeLine, kind=st.sampled_from(["payment", "refund"]), number=texts, order_number=texts,
    channel_number=texts, channel_payment_id=texts, amount_fen=st.integers(-(10**12), 10**12),
    fee_fen=st.integers(-(10**12), 10**12), state=texts, happened_at=st.just(NOW), payer_id=texts,
)  # fmt: skip


@settings(deadline=None, database=None)
@given(written=st.lists(lines, max_size=5))
def test_any_trades_survive_the_file(written: list[TradeLine]) -> None:
    assert read_trades(DAY, written_trades(written)).lines == tuple(written)


rows = st.lists(st.lists(st.text(max_size=8), max_size=11).map(",".join), max_size=6)
files = st.binary(max_size=200) | rows.map(
    lambda rows: (TRADES.decode() + "\r\n".join(rows)).encode(errors="replace")
)


@settings(deadline=None, database=None)
@given(body=files)
def test_any_file_is_a_bill_or_is_refused(body: bytes) -> None:
    for read in (read_trades, read_funds):
        try:
            assert read(DAY, body).day == DAY
        except ProtocolError:
            continue
