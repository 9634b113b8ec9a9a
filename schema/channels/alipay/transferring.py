"""Our side of transfers: what is asked, and what the answers prove. Certificate mode only."""

from __future__ import annotations

from datetime import datetime

import msgspec

from schema.channels.alipay.asking import (
    NOT_OFFERED,
    done,
    other,
    question,
    signed_parameters,
    unlisted,
)
from schema.channels.alipay.keys import AlipayKeys
from schema.channels.alipay.money_documents import (
    TRANSFERRED,
    BankcardDocument,
    PayeeDocument,
    TransferAnswer,
    TransferDocument,
    TransferQueryDocument,
)
from schema.channels.alipay.tables import TRANSFER_REFUSALS, TRANSFER_STATES
from schema.channels.alipay.texts import moment, paid_fen, yuan
from schema.channels.alipay.trading import CURRENCY, is_user_id
from schema.channels.http import Question, Stamp
from schema.channels.reading import plain, read
from schema.channels.verdicts import (
    SurelyNotTransferred,
    TransferPending,
    Transferred,
    TransferVerdict,
    Unknown,
)
from schema.channels.wishes import Payee, Transfer

TRANSFER, QUERY = "alipay.fund.trans.uni.transfer", "alipay.fund.trans.common.query"
TO_ACCOUNT, TO_BANKCARD = "TRANS_ACCOUNT_NO_PWD", "TRANS_BANKCARD_NO_PWD"
SCENE = "DIRECT_TRANSFER"
COMPANY, PERSON = "1", "2"

NO_CERTIFICATE = SurelyNotTransferred(
    code=NOT_OFFERED, message="transfers need certificate mode", cause="merchant"
)
NO_PAYEE = SurelyNotTransferred(
    code=NOT_OFFERED, message="nobody whom Alipay can pay", cause="platform"
)


def transfer(
    keys: AlipayKeys, wish: Transfer, stamp: Stamp
) -> Question[TransferVerdict] | TransferVerdict:
    """Sends money to a payee; a repeat under the same number is the same transfer."""
    payee = _payee(wish.payee)
    if not keys.has_certificates:
        return NO_CERTIFICATE
    if payee is None or wish.currency != CURRENCY:
        return NO_PAYEE
    shown = {"payer_show_name": keys.account.payer_show_name}
    document = TransferDocument(
        out_biz_no=wish.number,
        trans_amount=yuan(wish.amount_fen),
        product_code=_product(wish.payee),
        biz_scene=SCENE,
        order_title=wish.title[:128],
        remark=wish.remark[:200],
        business_params=msgspec.json.encode(shown).decode() if all(shown.values()) else "",
        payee_info=payee,
    )
    parameters = signed_parameters(keys, TRANSFER, document, stamp)
    understood = done(lambda node, now: _stands(wish, node, now))
    return question(keys, "transfer", TRANSFER, parameters, SurelyNotTransferred, understood)


def query_transfer(
    keys: AlipayKeys, wish: Transfer, stamp: Stamp
) -> Question[TransferVerdict] | TransferVerdict:
    """Asks how the transfer stands. That it is not known may mean that it is still on its way."""
    if not keys.has_certificates:
        return NO_CERTIFICATE
    document = TransferQueryDocument(
        out_biz_no=wish.number, product_code=_product(wish.payee), biz_scene=SCENE
    )
    parameters = signed_parameters(keys, QUERY, document, stamp)
    understood = done(lambda node, now: _stands(wish, node, now))
    return question(keys, "query_transfer", QUERY, parameters, SurelyNotTransferred, understood)


def verdict_of(answer: TransferAnswer, asked_fen: int | None, now: datetime) -> TransferVerdict:
    """What a transfer says about our money; its amount is told, or the one that was asked for."""
    number, state = plain(answer.order_id), answer.status
    means = TRANSFER_STATES.get(state)
    code, message = plain(answer.error_code or state), plain(answer.fail_reason)
    if means == "pending":
        return TransferPending(channel_transfer_id=number, code=code)
    if means == "refused":
        cause = TRANSFER_REFUSALS.get(answer.error_code, "channel")
        return SurelyNotTransferred(code=code, message=message, cause=cause)
    if means is None:
        return unlisted(state)
    amount_fen = paid_fen(answer.trans_amount) if answer.trans_amount else asked_fen
    if amount_fen is None or not number:
        return Unknown(why="unparsable", message="a transfer without its number or amount")
    ended_at = answer.pay_date or answer.trans_date
    return Transferred(
        channel_transfer_id=number,
        amount_fen=amount_fen,
        currency=CURRENCY,
        transferred_at=moment(ended_at) if ended_at else now,
    )


def _stands(wish: Transfer, node: bytes, now: datetime) -> TransferVerdict:
    answer = read(TRANSFERRED, node)
    if answer.out_biz_no != wish.number:
        return other("the answer is about another transfer")
    return verdict_of(answer, wish.amount_fen, now)


def _product(payee: Payee) -> str:
    return TO_BANKCARD if payee.kind == "bank_card" else TO_ACCOUNT


def _payee(payee: Payee) -> PayeeDocument | None:
    name = payee.name or None
    match payee.kind:
        case "alipay_user_id":
            kind = "ALIPAY_USER_ID" if is_user_id(payee.account) else "ALIPAY_OPEN_ID"
            return PayeeDocument(identity=payee.account, identity_type=kind, name=name)
        case "alipay_login":
            return PayeeDocument(identity=payee.account, identity_type="ALIPAY_LOGON_ID", name=name)
        case "bank_card":
            card = BankcardDocument(
                inst_name=payee.bank_name,
                account_type=COMPANY if payee.is_company else PERSON,
                bank_code=payee.bank_code,
            )
            return PayeeDocument(
                identity=payee.account,
                identity_type="BANKCARD_ACCOUNT",
                name=name,
                bankcard_ext_info=card,
            )
        case _:
            return None
