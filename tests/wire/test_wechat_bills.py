"""Bills: read to the fen and down to the foot, or not at all."""

from __future__ import annotations

import gzip
from datetime import UTC, date, datetime, timedelta
from hashlib import sha1
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from schema.channels import (
    BillAt,
    BillNotReady,
    BillWish,
    FundBill,
    FundLine,
    HttpAnswer,
    NoBill,
    TradeBill,
    TradeLine,
    Unknown,
)
from schema.channels.wechat import WechatKeys, WechatLanguage
from schema.channels.wechat.documents import BillPlaceDocument
from schema.channels.wechat.platform import CallRefused, error_answer
from schema.channels.wechat.platform_bills import (
    BillType,
    FundRow,
    RefundRow,
    TradeRow,
    write_fund_bill,
    write_trade_bill,
)
from schema.channels.wechat.sheets import read_sheet, unpacked
from tests.wire.wechat_pair import (
    APPID,
    MCHID,
    NOW,
    OPENID,
    ORDER_NO,
    REFUND_NO,
    STAMP,
    SUB_MCHID,
    TRANSACTION_ID,
    Pair,
    asked,
)

DAY = date(2026, 3, 1)
WISH, FUNDS = BillWish(day=DAY), BillWish(day=DAY, kind="funds")

# As a merchant downloads it (numbers changed): the layout of the documents, a comma in a name, a
# refund that brings back its fee, and older or newer columns that nobody here knows.
RECORDED_TRADES = """\
交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注,新的一列\r
`2026-03-01 12:05:06,`wx1234567890abcdef,`1900000001,`0,`,`4200002026030100001234567890,`01jx3k5m7n9p2q4r6s8t0v2w01,`oUpF8uMuAJO_M2pxb1Q9zNjWeS6o,`NATIVE,`SUCCESS,`OTHERS,`CNY,`19.99,`0.00,`0,`0,`0.00,`0.00,`,`,`番茄, 两斤,`,`0.12000,`0.60%,`19.99,`0.00,`,`x\r
`2026-03-01 18:00:00,`wx1234567890abcdef,`1900000001,`0,`,`4200002026030100001234567890,`01jx3k5m7n9p2q4r6s8t0v2w01,`oUpF8uMuAJO_M2pxb1Q9zNjWeS6o,`NATIVE,`REFUND,`OTHERS,`CNY,`0.00,`0.00,`50300002026030100001234567890,`rf3k5m7n9p2q4r6s8t0v2w01,`5.00,`0.00,`ORIGINAL,`SUCCESS,`番茄, 两斤,`,`-0.03000,`0.60%,`0.00,`5.00,`,`x\r
总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额\r
`2,`19.99,`5.00,`0.00,`0.09000,`19.99,`5.00\r
"""  # noqa: E501
RECORDED_FUNDS = """\
记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),资金变更提交申请人,备注,业务凭证号\r
`2026-03-01 12:05:06,`4200002026030100001234567890,`420000202603010000123456789001,`交易,`交易,`收入,`19.99,`119.99,`system,`番茄, 两斤,`01jx3k5m7n9p2q4r6s8t0v2w01\r
`2026-03-01 12:05:06,`4200002026030100001234567890,`420000202603010000123456789002,`交易手续费,`扣除交易手续费,`支出,`0.12,`119.87,`system,`,`01jx3k5m7n9p2q4r6s8t0v2w01\r
资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额\r
`2,`1,`19.99,`1,`0.12\r
"""  # noqa: E501

PAYMENT = TradeLine(
    kind="payment",
    number=ORDER_NO,
    order_number=ORDER_NO,
    channel_number=TRANSACTION_ID,
    channel_payment_id=TRANSACTION_ID,
    amount_fen=1999,
    fee_fen=12,
    state="SUCCESS",
    happened_at=NOW,
    payer_id=OPENID,
)
REFUND = replace(
    PAYMENT,
    kind="refund",
    number="rf3k5m7n9p2q4r6s8t0v2w01",
    channel_number="50300002026030100001234567890",
    amount_fen=500,
    fee_fen=-3,
    happened_at=datetime(2026, 3, 1, 10, tzinfo=UTC),
)


def fetched(pair: Pair, wish: BillWish, content: bytes, body: bytes | None = None) -> Any:
    """What a bill is read as whose place named the hash of this content."""
    digest = sha1(content, usedforsecurity=False).hexdigest()
    place = BillAt(url="https://pay.test/v3/x?token=1", digest=digest, digest_kind="sha1")
    sent = gzip.compress(content) if body is None else body
    answer = HttpAnswer(status=200, headers={}, body=sent)
    return pair.language.fetch_bill(wish, place, STAMP).read(answer, NOW)


def a_row(**changed: Any) -> TradeRow:
    row = TradeRow(
        at=NOW,
        appid=APPID,
        mchid=MCHID,
        sub_mchid="",
        transaction_id=TRANSACTION_ID,
        out_trade_no=ORDER_NO,
        openid=OPENID,
        trade_type="NATIVE",
        amount_fen=1999,
        subject="两斤番茄,`打折\n",
        attach="",
        fee_fen=12,
        fee_ppm=6000,
    )
    return replace(row, **changed)


def a_refund_row(**changed: Any) -> TradeRow:
    refund = RefundRow(
        refund_id="50300002026030100001234567890",
        out_refund_no=REFUND_NO,
        amount_fen=500,
        state="SUCCESS",
        asked_at=NOW,
        refunded_at=NOW + timedelta(hours=1),
    )
    return a_row(fee_fen=-3, refund=replace(refund, **changed))


def test_a_recorded_trade_bill_is_read_to_the_fen(pair: Pair) -> None:
    bill = fetched(pair, WISH, RECORDED_TRADES.encode())
    assert bill == TradeBill(day=DAY, lines=(PAYMENT, REFUND))


def test_a_recorded_fund_bill_is_read_with_its_signs(pair: Pair) -> None:
    first = FundLine(
        channel_number="420000202603010000123456789001",
        business_number=TRANSACTION_ID,
        number=ORDER_NO,
        business="交易",
        amount_fen=1999,
        balance_fen=11_999,
        happened_at=NOW,
        remark="番茄, 两斤",
    )
    fee = replace(
        first,
        channel_number="420000202603010000123456789002",
        business="扣除交易手续费",
        amount_fen=-12,
        balance_fen=11_987,
        remark="",
    )
    bill = fetched(pair, FUNDS, RECORDED_FUNDS.encode())
    assert bill == FundBill(day=DAY, lines=(first, fee))


def test_a_bill_may_come_unpacked_and_with_a_byte_order_mark(pair: Pair) -> None:
    content = b"\xef\xbb\xbf" + RECORDED_TRADES.encode()
    assert isinstance(fetched(pair, WISH, content, content), TradeBill)


@pytest.mark.parametrize("kind", ["ALL", "SUCCESS", "REFUND"])
def test_what_the_platform_writes_we_read_back_by_the_names_of_its_columns(
    pair: Pair, kind: BillType
) -> None:
    rows = [a_row(), a_refund_row(), a_refund_row(state="CHANGE", refunded_at=None)]
    bill = fetched(pair, WISH, write_trade_bill(rows, kind))
    assert isinstance(bill, TradeBill)
    kinds = {"ALL": ["payment", "refund", "refund"], "SUCCESS": ["payment"]}
    assert [line.kind for line in bill.lines] == kinds.get(kind, ["refund", "refund"])
    refunds = [line for line in bill.lines if line.kind == "refund"]
    assert [line.state for line in refunds] == ["SUCCESS", "CHANGE"][: len(refunds)]
    assert all((line.number, line.fee_fen) == (REFUND_NO, -3) for line in refunds)
    if kind == "REFUND":  # only this bill knows when the money went back
        assert refunds[0].happened_at == NOW + timedelta(hours=1)


def test_a_reversed_payment_is_a_refund(pair: Pair) -> None:
    content = RECORDED_TRADES.replace("`REFUND,`OTHERS", "`REVOKED,`OTHERS").encode()
    bill = fetched(pair, WISH, content)
    assert isinstance(bill, TradeBill) and bill.lines[1].kind == "refund"


def test_fund_rows_are_read_back(pair: Pair) -> None:
    row = FundRow(
        at=NOW,
        business_number=TRANSACTION_ID,
        number="1",
        name="交易",
        business="交易",
        amount_fen=-1999,
        balance_fen=-1,
    )
    bill = fetched(pair, FUNDS, write_fund_bill([row, replace(row, amount_fen=5)]))
    assert [line.amount_fen for line in bill.lines] == [-1999, 5]
    assert bill.lines[0].balance_fen == -1


TRADES_TWISTED = {
    "a line is missing": ("".join(RECORDED_TRADES.splitlines(True)[i] for i in (0, 1, 3, 4))),
    "an amount is another": RECORDED_TRADES.replace("`19.99,`0.00,`0,`0", "`19.98,`0.00,`0,`0"),
    "a fee is another": RECORDED_TRADES.replace("`0.12000", "`0.13000"),
    "the foot says another sum": RECORDED_TRADES.replace("`0.09000", "`0.08000"),
    "the foot says another count": RECORDED_TRADES.replace("`2,`19.99", "`3,`19.99"),
    "finer than a fen": RECORDED_TRADES.replace("`0.12000", "`0.12001"),
    "a number is no number": RECORDED_TRADES.replace("`0.12000", "`0,12"),
    "a time is no time": RECORDED_TRADES.replace("`2026-03-01 12", "`2026-03-01T12"),
    "a back-tick is missing": RECORDED_TRADES.replace("\n`2026", "\n2026", 1),
    "a column is missing": RECORDED_TRADES.replace("手续费,", "", 1),
    "a column stands there twice": RECORDED_TRADES.replace("设备号,", "手续费,", 1),
    "there is no foot": "\r\n".join(RECORDED_TRADES.split("\r\n")[:2]),
    "nothing at all": "",
}


@pytest.mark.parametrize("twisted", TRADES_TWISTED.values(), ids=TRADES_TWISTED.keys())
def test_a_bill_that_contradicts_itself_is_unknown_as_a_whole(pair: Pair, twisted: str) -> None:
    verdict = fetched(pair, WISH, twisted.encode())
    assert isinstance(verdict, Unknown) and verdict.why == "unparsable"


@pytest.mark.parametrize(
    "change",
    [("`1,`19.99", "`1,`19.98"), ("`2,`1,", "`1,`1,"), ("收入,`19.99", "进账,`19.99")],
    ids=str,
)
def test_a_fund_bill_that_contradicts_itself_is_unknown(
    pair: Pair, change: tuple[str, str]
) -> None:
    verdict = fetched(pair, FUNDS, RECORDED_FUNDS.replace(*change).encode())
    assert isinstance(verdict, Unknown) and verdict.why == "unparsable"


def test_a_bill_with_another_hash_is_not_believed(pair: Pair) -> None:
    content = RECORDED_TRADES.encode()
    verdict = fetched(pair, WISH, content, gzip.compress(content.replace(b"OTHERS", b"OTHErS")))
    assert verdict == Unknown(why="bad_signature", message="the bill does not have its hash")


def test_a_bill_that_was_cut_off_is_unknown(pair: Pair) -> None:
    content = RECORDED_TRADES.encode()
    verdict = fetched(pair, WISH, content, gzip.compress(content)[:-9])
    assert isinstance(verdict, Unknown) and verdict.why == "unparsable"


def test_a_bill_is_asked_for_packed_and_by_sub_merchant(pair: Pair) -> None:
    path = asked(pair.language.find_bill(WISH, STAMP)).request.path
    assert path == "/v3/bill/tradebill?bill_date=2026-03-01&bill_type=ALL&tar_type=GZIP"
    account = replace(pair.ours.account, sub_mchid=SUB_MCHID)
    provider = WechatLanguage(WechatKeys.of(account))
    assert asked(provider.find_bill(WISH, STAMP)).request.path == f"{path}&sub_mchid={SUB_MCHID}"
    funds = asked(pair.language.find_bill(FUNDS, STAMP)).request.path
    assert funds == ("/v3/bill/fundflowbill?bill_date=2026-03-01&account_type=BASIC&tar_type=GZIP")


def test_the_place_of_a_bill_is_believed_by_its_signature(pair: Pair) -> None:
    url = "https://api.mch.weixin.qq.com/v3/billdownload/file?token=6XIv-5TPflWYj&tartype=gzip"
    place = BillPlaceDocument(hash_type="SHA1", hash_value="79BB0F45", download_url=url)
    question = asked(pair.language.find_bill(WISH, STAMP))
    answer = pair.answer(place)
    at = question.read(answer, NOW)
    assert at == BillAt(url=url, digest="79bb0f45", digest_kind="sha1")
    assert question.read(replace(answer, headers={}), NOW).why == "bad_signature"
    md5 = pair.answer(replace(place, hash_type="MD5"))
    assert question.read(md5, NOW).why == "unlisted"
    for bad in ("file:///etc/passwd", "https://", "https://[", "/v3/x"):
        nowhere = pair.answer(replace(place, download_url=bad))
        assert question.read(nowhere, NOW).why == "unparsable"
    request = pair.language.fetch_bill(WISH, at, STAMP).request
    assert request.origin == "https://api.mch.weixin.qq.com"
    assert request.path == "/v3/billdownload/file?token=6XIv-5TPflWYj&tartype=gzip"
    assert pair.fault(request) is None
    here = replace(at, url="https://pay.test/v3/x?token=1")
    assert pair.language.fetch_bill(WISH, here, STAMP).request.origin == ""


def test_a_day_without_a_bill_is_told_from_a_bill_that_is_not_ready(pair: Pair) -> None:
    question = asked(pair.language.find_bill(WISH, STAMP))

    def said(code: str, status: int | None = None) -> Any:
        answer = error_answer(CallRefused(code=code, message=""))
        return question.read(replace(answer, status=status or answer.status), NOW)

    assert said("NO_STATEMENT_EXIST") == NoBill(code="NO_STATEMENT_EXIST")
    assert said("STATEMENT_CREATING") == BillNotReady(code="STATEMENT_CREATING")
    assert said("STATEMENT_CREATING", 500).why == "server_error"
    assert said("NO_AUTH").code == "NO_AUTH"
    refused = HttpAnswer(status=404, headers={}, body=msgspec.json.encode({"code": "X"}))
    place = BillAt(url="https://pay.test/x")
    assert isinstance(pair.language.fetch_bill(WISH, place, STAMP).read(refused, NOW), Unknown)


def test_values_can_not_break_the_layout() -> None:
    sheet = read_sheet(unpacked(write_trade_bill([a_row()])))
    assert [row["商品名称"] for row in sheet.rows] == ["两斤番茄, 打折 "]
