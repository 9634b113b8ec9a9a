"""Alipay's bills: the real layout is read, and what does not fit its own footer is not believed."""

from __future__ import annotations

import zipfile
from datetime import UTC, date, datetime
from io import BytesIO

import pytest

from schema.channels import (
    BillAt,
    BillWish,
    FundBill,
    FundLine,
    HttpAnswer,
    TradeBill,
    TradeLine,
    Unknown,
)
from schema.channels.alipay.bill_files import FundRow, TradeRow, fund_bill, trade_bill
from schema.channels.alipay.bills import read_fund_bill, read_trade_bill
from tests.wire.alipay_pair import NOW, ORDER_NO, REFUND_NO, STAMP, TRADE_NO, by_keys, refuses

DAY = date(2026, 3, 1)
SELLER = "2088000000000001"
AT = datetime(2026, 3, 1, 4, 5, 6, tzinfo=UTC)

PAYMENT = TradeRow(
    trade_no=TRADE_NO,
    out_trade_no=ORDER_NO,
    subject="两斤,番茄㐀",
    created_at=AT,
    finished_at=AT,
    payer="*茄(tom***@example.com)",
    amount_fen=1999,
    fee_fen=-12,
)
REFUND = TradeRow(
    trade_no=TRADE_NO,
    out_trade_no=ORDER_NO,
    subject="两斤番茄",
    created_at=AT,
    finished_at=AT,
    payer="*茄",
    amount_fen=-500,
    fee_fen=3,
    request_no=REFUND_NO,
)
TRADES = trade_bill(SELLER, DAY, [PAYMENT, REFUND], NOW)
FUNDS = fund_bill(
    SELLER,
    DAY,
    [
        FundRow(
            number="f1", business_no=TRADE_NO, out_trade_no=ORDER_NO, subject="两斤番茄",
            happened_at=AT, account="*茄", amount_fen=1999, balance_fen=1999, business="在线支付",
        ),
        FundRow(
            number="f2", business_no=TRADE_NO, out_trade_no=ORDER_NO, subject="",
            happened_at=AT, account="", amount_fen=-12, balance_fen=1987, business="收费",
        ),
    ],
    NOW,
)  # fmt: skip

RECORDED = """#支付宝业务明细查询
#账号：[20880000000000010156]
#起始日期：[2026年03月01日 00:00:00]   终止日期：[2026年03月02日 00:00:00]
#-----------------------------------------业务明细列表----------------------------------------
支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,\
订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,\
商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注
2026030122001000000000000001\t,01jx3k5m7n9p2q4r6s8t0v2w01\t,交易\t,两斤番茄\t,2026-03-01 12:05:00,\
2026-03-01 12:05:06,\t,\t,\t,\t,*茄(tom***@example.com)\t,1999.99,1999.99,0.00,0.00,0.00,0.00,0.00,\
\t,0.00,0.00\t,\t,-12.00,0.00,
2026030122001000000000000001\t,01jx3k5m7n9p2q4r6s8t0v2w01\t,退款\t,两斤番茄\t,2026-03-01 12:05:00,\
2026-03-01 13:05:06,\t,\t,\t,\t,*茄(tom***@example.com)\t,-5.00,-5.00,0.00,0.00,0.00,0.00,0.00,\t,\
0.00,0.00\t,01jx3k5m7n9p2q4r6s8t0v2w77\t,0.00,0.00,一个坏了
#-----------------------------------------业务明细列表结束------------------------------------
#交易合计：1笔，商家实收共1,999.99元，商家优惠共0.00元
#退款合计：1笔，商家实收退款共-5.00元，商家优惠退款共0.00元
#导出时间：[2026年03月02日 09:58:32]
"""


def packed(text: str, name: str = "20880000000000010156_20260301_业务明细.csv") -> bytes:
    """A ZIP as its entries are named in UTF-8."""
    written = BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr(name, text.encode("gbk"))
        archive.writestr(name.replace(".csv", "(汇总).csv"), "#".encode("gbk"))
    return written.getvalue()


def unpacked(bill: bytes) -> dict[str, str]:
    """The files of a ZIP whose names are in GBK."""
    with zipfile.ZipFile(BytesIO(bill)) as archive:
        return {
            entry.filename.encode("cp437").decode("gbk"): archive.read(entry).decode("gb18030")
            for entry in archive.infolist()
        }


def test_a_recorded_bill_is_read() -> None:
    bill = read_trade_bill(packed(RECORDED))
    assert bill.day == DAY
    payment, refund = bill.lines
    assert payment == TradeLine(
        kind="payment",
        number=ORDER_NO,
        order_number=ORDER_NO,
        channel_number=TRADE_NO,
        channel_payment_id=TRADE_NO,
        amount_fen=199_999,
        fee_fen=1_200,
        state="交易",
        happened_at=AT,
        payer_id="*茄(tom***@example.com)",
    )
    assert (refund.kind, refund.number, refund.amount_fen) == ("refund", REFUND_NO, 500)


def test_what_the_platform_writes_is_what_we_read() -> None:
    bill = read_trade_bill(TRADES)
    assert [(line.kind, line.amount_fen, line.fee_fen) for line in bill.lines] == [
        ("payment", 1999, 12), ("refund", 500, -3),
    ]  # fmt: skip
    funds = read_fund_bill(FUNDS)
    assert funds.lines[0] == FundLine(
        channel_number="f1",
        business_number=TRADE_NO,
        number=ORDER_NO,
        business="在线支付",
        amount_fen=1999,
        balance_fen=1999,
        happened_at=AT,
    )
    assert [line.amount_fen for line in funds.lines] == [1999, -12]


def test_the_platforms_files_have_their_real_layout() -> None:
    files = unpacked(TRADES)
    assert [name.rsplit("_", 1)[1] for name in files] == ["业务明细.csv", "业务明细(汇总).csv"]
    lines = next(iter(files.values())).split("\r\n")
    assert [line[0] for line in lines[:4]] == ["#"] * 4
    assert len(lines[4].split(",")) == len(lines[5].split(",")) == 25
    assert lines[5].startswith(f"{TRADE_NO}\t,{ORDER_NO}\t,交易\t,")
    assert lines[8] == "#交易合计：1笔，商家实收共19.99元，商家优惠共0.00元"
    assert lines[9] == "#退款合计：1笔，商家实收退款共-5.00元，商家优惠退款共0.00元"


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ("#交易合计：1笔", "#交易合计：2笔"),
        ("共1,999.99元", "共1,999.98元"),
        ("#退款合计：1笔，商家实收退款共-5.00元", "#退款合计：1笔，商家实收退款共5.00元"),
        ("#退款合计", "#别的合计"),
        ("支付宝交易号,", "交易号,"),
        ("退款\t", "冲正\t"),
        ("-5.00,-5.00", "-5.00,-5"),
        ("2026-03-01 12:05:06", "2026-13-01 12:05:06"),
        ("一个坏了", "一个,坏了"),
        ("[2026年03月01日", "[2026年13月01日"),
    ],
)
def test_a_bill_that_does_not_fit_itself_is_not_believed(written: str, instead: str) -> None:
    assert written in RECORDED
    changed = RECORDED.replace(written, instead)
    if instead == "-5.00,-5":  # another way to write the same amount
        assert read_trade_bill(packed(changed)).lines
    else:
        assert refuses(read_trade_bill, packed(changed))


def test_a_line_that_was_lost_is_noticed() -> None:
    lines = RECORDED.split("\n")
    for lost in (5, 6):
        left = "\n".join(line for position, line in enumerate(lines) if position != lost)
        assert refuses(read_trade_bill, packed(left))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", TRADES[:200], TRADES[:-30], b"x" * 300])
def test_what_is_no_zip_is_not_read(content: bytes) -> None:
    assert refuses(read_trade_bill, content)


def test_a_zip_without_one_file_of_lines_is_not_read() -> None:
    assert refuses(read_trade_bill, packed(RECORDED, "汇总.csv"))


def test_a_bill_of_another_day_or_status_is_unknown() -> None:
    place = BillAt(url="https://bills.test/x")

    def fetched(day: date, status: int = 200, kind: str = "trades") -> object:
        wish = BillWish(day=day, kind=kind)  # type: ignore[arg-type]
        content = TRADES if kind == "trades" else FUNDS
        answer = HttpAnswer(status=status, headers={}, body=content)
        return by_keys().ours.fetch_bill(wish, place, STAMP).read(answer, NOW)

    assert isinstance(fetched(DAY), TradeBill)
    assert isinstance(fetched(DAY, kind="funds"), FundBill)
    for unknown, why in (
        (fetched(date(2026, 3, 2)), "other_order"),
        (fetched(DAY, 404), "unparsable"),
        (fetched(DAY, 503), "server_error"),
    ):
        assert isinstance(unknown, Unknown) and unknown.why == why
