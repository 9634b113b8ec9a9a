"""Whatever the world refuses, every platform says it in a code of its own that we can read."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from handlers.simulator.alipay import words as alipay
from handlers.simulator.bank import words as bank
from handlers.simulator.unionpay import words as unionpay
from handlers.simulator.wechat import words as wechat
from handlers.simulator.world.refusals import No
from schema.channels.alipay.tables import SUB_CODES
from schema.channels.bank.tables import ERROR_MEANS
from schema.channels.unionpay.tables import CODE_MEANS
from schema.channels.wechat.tables import CODES

Says = Callable[[No], str]

SAYS: dict[str, Says] = {
    "wechat": lambda no: wechat.REFUSALS[no].code,
    "wechat refund": lambda no: wechat.REFUND_REFUSALS[no].code,
    "wechat transfer": lambda no: wechat.TRANSFER_REFUSALS[no].code,
    "wechat share": lambda no: wechat.SHARE_REFUSALS[no].code,
    "alipay": lambda no: alipay.refusal(no).sub_code,
    "alipay refund": lambda no: alipay.refusal(no, alipay.OF_REFUNDS).sub_code,
    "alipay transfer": lambda no: alipay.refusal(no, alipay.OF_TRANSFERS).sub_code,
    "alipay share": lambda no: alipay.refusal(no, alipay.OF_SHARES).sub_code,
    "unionpay": lambda no: unionpay.refusal(no).code,
    "bank": lambda no: bank.refusal(no).code,
}
WE_READ = {"wechat": CODES, "alipay": SUB_CODES, "unionpay": CODE_MEANS, "bank": ERROR_MEANS}


@pytest.mark.parametrize("no", No)
@pytest.mark.parametrize("call", SAYS)
def test_what_the_world_refuses_is_said_in_a_code_that_our_language_reads(
    call: str, no: No
) -> None:
    platform = call.split()[0]
    assert SAYS[call](no) in WE_READ[platform]
