"""The platform's side of bills: the ZIP as it is downloaded, which the simulator writes."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from datetime import date, datetime
from io import BytesIO

from msgspec import Struct

from schema.channels.alipay.bills import (
    ENCODING,
    FUND_COLUMNS,
    PAYMENT,
    REFUND,
    TRADE_COLUMNS,
)
from schema.channels.alipay.texts import CHINA, china_text, yuan

RULE = "-" * 41


class TradeRow(Struct, frozen=True, kw_only=True):
    """A payment, or a refund, whose amount is below zero. A fee that was taken is below zero."""

    trade_no: str
    out_trade_no: str
    subject: str
    created_at: datetime
    finished_at: datetime
    payer: str
    amount_fen: int
    fee_fen: int
    request_no: str = ""
    store_id: str = ""


class FundRow(Struct, frozen=True, kw_only=True):
    """A movement; `amount_fen` above zero is money in."""

    number: str
    business_no: str
    out_trade_no: str
    subject: str
    happened_at: datetime
    account: str
    amount_fen: int
    balance_fen: int
    business: str


def trade_bill(seller_id: str, day: date, rows: Sequence[TradeRow], now: datetime) -> bytes:
    """The bill of a day's trades."""
    payments = [row.amount_fen for row in rows if row.amount_fen >= 0]
    refunds = [row.amount_fen for row in rows if row.amount_fen < 0]
    footer = (
        f"#交易合计：{len(payments)}笔，商家实收共{yuan(sum(payments))}元，商家优惠共0.00元",
        f"#退款合计：{len(refunds)}笔，商家实收退款共{yuan(sum(refunds))}元，商家优惠退款共0.00元",
    )
    lines = [_trade_line(row) for row in rows]
    detail = _sheet("业务明细", seller_id, day, TRADE_COLUMNS, lines, footer, now)
    total = yuan(sum(payments) + sum(refunds))
    summary = ("合计\t", "\t", f"{len(payments)}", f"{len(refunds)}", total)
    columns = ("门店编号", "门店名称", "交易订单总笔数", "退款订单总笔数", "订单金额（元）")
    sums = _sheet("业务汇总", seller_id, day, columns, [summary], (), now)
    return _packed(f"{seller_id}_{day:%Y%m%d}_业务明细", detail, sums)


def fund_bill(seller_id: str, day: date, rows: Sequence[FundRow], now: datetime) -> bytes:
    """The bill of a day's movements."""
    spent = [row.amount_fen for row in rows if row.amount_fen < 0]
    received = [row.amount_fen for row in rows if row.amount_fen >= 0]
    footer = (
        f"#支出合计：{len(spent)}笔，共{yuan(sum(spent))}元",
        f"#收入合计：{len(received)}笔，共{yuan(sum(received))}元",
    )
    lines = [_fund_line(row) for row in rows]
    detail = _sheet("账务明细", seller_id, day, FUND_COLUMNS, lines, footer, now)
    columns = ("类型", "收入笔数", "收入金额（+元）", "支出笔数", "支出金额（-元）")
    summary = ("合计\t", f"{len(received)}", yuan(sum(received)), f"{len(spent)}", yuan(sum(spent)))
    sums = _sheet("账务汇总", seller_id, day, columns, [summary], (), now)
    return _packed(f"{seller_id}_{day:%Y%m%d}_账务明细", detail, sums)


def _trade_line(row: TradeRow) -> Sequence[str]:
    amount, nothing = yuan(row.amount_fen), yuan(0)
    business = REFUND if row.amount_fen < 0 else PAYMENT
    return (
        f"{row.trade_no}\t", f"{row.out_trade_no}\t", f"{business}\t", f"{_plain(row.subject)}\t",
        china_text(row.created_at), china_text(row.finished_at), f"{row.store_id}\t", "\t", "\t",
        "\t", f"{row.payer}\t", amount, amount, nothing, nothing, nothing, nothing, nothing, "\t",
        nothing, f"{nothing}\t", f"{row.request_no}\t", yuan(row.fee_fen), nothing, "",
    )  # fmt: skip


def _fund_line(row: FundRow) -> Sequence[str]:
    received = yuan(row.amount_fen) if row.amount_fen >= 0 else ""
    spent = yuan(row.amount_fen) if row.amount_fen < 0 else ""
    return (
        f"{row.number}\t", f"{row.business_no}\t", f"{row.out_trade_no}\t",
        f"{_plain(row.subject)}\t", china_text(row.happened_at), f"{row.account}\t", received,
        spent, yuan(row.balance_fen), "支付宝\t", f"{row.business}\t", "",
    )  # fmt: skip


def _plain(text: str) -> str:
    """What would end a value or a line stands apart there, too."""
    return "".join(" " if c in ',"\t\r\n' else c for c in text)


def _sheet(
    title: str,
    seller_id: str,
    day: date,
    columns: Sequence[str],
    lines: Sequence[Sequence[str]],
    footer: Sequence[str],
    now: datetime,
) -> bytes:
    written = [
        f"#支付宝{title}查询",
        f"#账号：[{seller_id}0156]",
        f"#起始日期：[{day:%Y年%m月%d日} 00:00:00]   终止日期：[{day:%Y年%m月%d日} 23:59:59]",
        f"#{RULE}{title}列表{RULE[:-1]}",
        ",".join(columns),
        *(",".join(line) for line in lines),
        f"#{RULE}{title}列表结束{RULE[:-5]}",
        *footer,
        f"#导出时间：[{now.astimezone(CHINA):%Y年%m月%d日 %H:%M:%S}]",
    ]
    return "".join(f"{line}\r\n" for line in written).encode(ENCODING, "replace")


def _packed(name: str, detail: bytes, sums: bytes) -> bytes:
    """The names are written in GBK without saying so, as the platform does."""
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry, content in ((f"{name}.csv", detail), (f"{name}(汇总).csv", sums)):
            archive.writestr(_GbkEntry(entry), content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


class _GbkEntry(zipfile.ZipInfo):
    """A file in a ZIP whose name is in GBK."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802 - zipfile's own name
        return self.filename.encode(ENCODING), self.flag_bits & ~0x800
