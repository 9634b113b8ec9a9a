"""What the model makes of each command: the second half of `ledger_model`, one method a command."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from fractions import Fraction
from typing import Any

from schema import bookings as wish
from schema.messages import accounting as order
from schema.messages.ordering import PaymentSucceeded
from tests.actors.ledger_model import BANK, FEES, Key, Line, Model, half_up

NUMBERED = {
    order.PlaceHold: ("hold", "hold_no"),
    order.ReleaseHold: ("release", "release_no"),
    order.ChangeAccount: ("change", "change_no"),
    order.ConfigureAccount: ("change", "change_no"),
    order.SetRate: ("rate", "rate_no"),
    order.ProposeAdjustment: ("proposal", "adjustment_no"),
}


class Answers(Model):
    """Hears commands one by one; `numbers` are the account numbers of the accounts."""

    def __init__(self, numbers: dict[str, Key]) -> None:
        super().__init__()
        self.numbers = numbers

    def hear(self, message: Any, now: datetime) -> set[str]:
        """The codes with which this may be refused; none: it is done, or was done before."""
        asked = told_as_a_trade(message) if isinstance(message, PaymentSucceeded) else message
        asked = getattr(asked, "wish", asked)
        number = _number_of(asked)
        if number is not None and (known := self.told.get(number)) is not None:
            return set() if known == asked else {"number_conflict"}
        method: Callable[[Any, datetime], set[str]] = getattr(self, _method_of(asked))
        why = method(asked, now)
        if number is not None and not why:
            self.told[number] = asked
        return why

    def trade(self, w: wish.Trade, now: datetime) -> set[str]:
        payable = ("merchant", "payable", w.merchant_no)
        fee = w.fee_fen
        fee = self.fee(payable, "trade", w.amount_fen) if fee is None else fee
        if max(fee, w.cost_fen) > w.amount_fen:
            return {"fee_above_amount"}
        lines: list[Line] = [(("merchant", "receivable", w.merchant_no), -fee), (FEES, fee)]
        if w.funds_flow == "platform":
            lines = [(_clearing(w), w.cost_fen - w.amount_fen), (payable, w.amount_fen - fee),
                     (FEES, fee), (("channel", "cost", w.channel_no), -w.cost_fen)]  # fmt: skip
            if not self.shuts_out(payable) and w.amount_fen > fee:
                self.put_in_reserve(payable, w.amount_fen - fee, now)
                self.volume[payable, "trade"] += w.amount_fen
        self.post(lines, "fact")
        self.trades[w.no] = {"wish": w, "fee": fee, "refunded": 0, "returned": 0, "shared": 0}
        return set()

    def refund(self, w: wish.Refund, now: datetime) -> set[str]:
        t = self.trades.get(w.payment_id)
        if t is None:
            return {"trade_not_booked"}
        of = t["wish"]
        if (of.merchant_no, of.channel_no, of.funds_flow) != (
            w.merchant_no, w.channel_no, w.funds_flow):  # fmt: skip
            return {"not_of_this_payment"}
        if t["refunded"] + w.amount_fen > of.amount_fen:
            return {"refund_above_payment"}
        payable = ("merchant", "payable", w.merchant_no)
        back = 0
        if payable in self.proportional:
            part = Fraction(t["fee"] * (t["refunded"] + w.amount_fen), of.amount_fen)
            back = half_up(part) - half_up(Fraction(t["fee"] * t["refunded"], of.amount_fen))
        fee = self.fee(payable, "refund", w.amount_fen) - back
        lines = [(("merchant", "receivable", w.merchant_no), -fee), (FEES, fee)]
        if w.funds_flow == "platform":
            lines = [(payable, -w.amount_fen - fee), (_clearing(w), w.amount_fen), (FEES, fee)]
        why = self.post(lines, "asked")
        if not why:
            t["refunded"] += w.amount_fen
            t["returned"] += back
            if lines[0][0] == payable:
                self.volume[payable, "refund"] += w.amount_fen
        return why

    def withdrawal(self, w: wish.Withdrawal, now: datetime) -> set[str]:
        if self.is_stopped(w):
            return {"payouts_stopped"}
        payable = (w.role, "payable", w.owner)
        fee = self.fee(payable, "withdrawal", w.amount_fen) if w.fee_fen is None else w.fee_fen
        total, source = w.amount_fen + fee, payable
        hold = None
        if w.hold_no is not None:
            hold, source = self.holds.get(w.hold_no), (w.role, "frozen", w.owner)
            if hold is None or hold[0] != (w.role, w.owner):
                return {"unknown_hold"}
            if total > hold[1]:
                return {"hold_too_small"}
        lines = [(source, -total), ((w.role, "in_transit", w.owner), w.amount_fen), (FEES, fee)]
        why = self.post(lines, "asked", out=total if hold is None else None)
        if not why:
            self.payouts[w.key] = [(w.role, w.owner), w.amount_fen, fee, "sent"]
            if hold is not None:
                hold[1] -= total
            else:
                self.volume[payable, "withdrawal"] += w.amount_fen
        return why

    def settlement(self, w: wish.Settlement, now: datetime) -> set[str]:
        if self.is_stopped(w):
            return {"payouts_stopped"}
        payable = (w.role, "payable", w.owner)
        gross = max(0, self.out_of_reserve(payable)) if w.amount_fen is None else w.amount_fen
        fee = self.fee(payable, "settlement", gross) if w.fee_fen is None else w.fee_fen
        if gross <= fee:
            return {"nothing_to_settle"}
        lines = [(payable, -gross), ((w.role, "in_transit", w.owner), gross - fee), (FEES, fee)]
        why = self.post(lines, "asked", out=gross)
        if not why:
            self.payouts[w.key] = [(w.role, w.owner), gross - fee, fee, "sent"]
            self.volume[payable, "settlement"] += gross
        return why

    def payout_completed(self, w: wish.PayoutCompleted, now: datetime) -> set[str]:
        return self.payout_ended(w, "completed", ("sent",))

    def payout_returned(self, w: wish.PayoutReturned, now: datetime) -> set[str]:
        return self.payout_ended(w, "returned", ("sent", "completed"))

    def payout_ended(self, w: Any, end: str, begins: tuple[str, ...]) -> set[str]:
        payout = self.payouts.get(w.no)
        if payout is None or payout[0] != (w.role, w.owner):
            return {"unknown_payout"}
        _, amount, fee, stands = payout
        if stands not in begins:
            return {"payout_ended"}
        place = BANK if stands == "completed" else (w.role, "in_transit", w.owner)
        lines = [(place, -amount), (BANK, amount)]
        if end == "returned":
            lines = [(place, -amount), (FEES, -fee), ((w.role, "payable", w.owner), amount + fee)]
        payout[3] = end
        return self.post(lines, "fact")

    def transfer(self, w: wish.Transfer, now: datetime) -> set[str]:
        to = (w.to_role, "payable", w.to_owner)
        if to == (w.role, "payable", w.owner):
            return {"same_account"}
        return self.post(
            [((w.role, "payable", w.owner), -w.amount_fen), (to, w.amount_fen)], "asked"
        )

    def charge(self, w: wish.Charge, now: datetime) -> set[str]:
        return self.post(
            [((w.role, "payable", w.owner), -w.amount_fen), (FEES, w.amount_fen)], "asked"
        )

    def deposit_taken(self, w: wish.DepositTaken, now: datetime) -> set[str]:
        return self.within(w, "payable", "deposit", w.amount_fen)

    def deposit_given_back(self, w: wish.DepositGivenBack, now: datetime) -> set[str]:
        return self.within(w, "deposit", "payable", w.amount_fen)

    def profit_share(self, w: wish.ProfitShare, now: datetime) -> set[str]:
        t, total = self.trades.get(w.payment_id), sum(s.amount_fen for s in w.shares)
        if t is None:
            return {"trade_not_booked"}
        if total > t["fee"] - t["returned"] - t["shared"]:
            return {"share_above_fee"}
        sides = [(("agent", "payable", s.agent_no), s.amount_fen) for s in w.shares]
        why = self.post([(FEES, -total), *sides], "asked")
        t["shared"] += 0 if why else total
        return why

    def receipt(self, w: wish.Receipt, now: datetime) -> set[str]:
        return self.post([(_clearing(w), w.amount_fen), (BANK, -w.amount_fen)], "fact")

    def place_hold(self, o: order.PlaceHold, now: datetime) -> set[str]:
        why = self.within(o, "payable", "frozen", o.amount_fen)
        if not why:
            self.holds[o.hold_no] = [(o.role, o.owner), o.amount_fen]
        return why

    def release_hold(self, o: order.ReleaseHold, now: datetime) -> set[str]:
        hold = self.holds.get(o.hold_no)
        if hold is None or hold[0] != (o.role, o.owner):
            return {"unknown_hold"}
        amount = hold[1] if o.amount_fen is None else o.amount_fen
        if amount > hold[1]:
            return {"hold_too_small"}
        if amount == 0:
            return {"hold_ended"}
        why = self.within(o, "frozen", "payable", amount)
        hold[1] -= 0 if why else amount
        return why

    def change_account(self, o: order.ChangeAccount, now: datetime) -> set[str]:
        key = self.numbers[o.account_no]
        beside = ("payable", "frozen", "in_transit", "deposit", "suspense")
        left = sum(abs(self.balance[key[0], kind, key[2]]) for kind in beside)
        return self.change(key, o.order, left)

    def configure_account(self, o: order.ConfigureAccount, now: datetime) -> set[str]:
        key = self.numbers[o.account_no]
        settings = (o.booking_mode, o.reserve_days, o.refund_fee_policy, o.floor_fen)
        if settings == (None,) * 4:
            return {"nothing_to_change"}
        if o.reserve_days is not None and key[1] != "payable":
            return {"illegal_change"}
        if o.floor_fen is not None and self.balance[key] < o.floor_fen:
            return {"illegal_change"}
        if o.floor_fen is not None:
            self.floor[key] = o.floor_fen
        if o.reserve_days is not None:
            self.reserve_days[key] = o.reserve_days
            self.in_reserve[key] *= o.reserve_days > 0
        if o.refund_fee_policy is not None:
            (self.proportional.add if o.refund_fee_policy == "proportional"
             else self.proportional.discard)(key)  # fmt: skip
        return set()

    def set_rate(self, o: order.SetRate, now: datetime) -> set[str]:
        self.plans[self.numbers[o.account_no], o.kind] = o.plan
        return set()

    def propose_adjustment(self, o: order.ProposeAdjustment, now: datetime) -> set[str]:
        sides = (self.numbers[o.debit_account_no], self.numbers[o.credit_account_no])
        if sides[0] == sides[1]:
            return {"illegal_adjustment"}
        self.proposed[o.adjustment_no] = [sides, o.amount_fen, o.operator, "proposed", ""]
        return set()

    def decide_adjustment(self, o: order.DecideAdjustment, now: datetime) -> set[str]:
        proposal = self.proposed.get(o.adjustment_no)
        if proposal is None:
            return {"unknown_adjustment"}
        (debit, credit), amount, maker, stands, checker = proposal
        if stands == o.verdict and (stands == "approve" or checker == o.operator):
            return set()  # told again
        if maker == o.operator:
            return {"maker_is_checker"}
        if stands != "proposed":
            return {"adjustment_decided"}
        why = set()
        if o.verdict == "approve":
            why = self.post([(debit, -amount), (credit, amount)], "asked")
        if not why:
            proposal[3:] = [o.verdict, o.operator]
        return why

    def ledger_broken(self, o: order.LedgerBroken, now: datetime) -> set[str]:
        self.alarms.setdefault(o.alarm_no, (o.role, o.owner))
        return set()

    def clear_alarm(self, o: order.ClearAlarm, now: datetime) -> set[str]:
        if o.alarm_no not in self.alarms:
            return {"unknown_alarm"}
        self.alarms[o.alarm_no] = None
        return set()

    def reckon_reserve(self, o: order.ReckonReserve, now: datetime) -> set[str]:
        self.reckon(o.day)
        return set()

    def close_day(self, o: order.CloseDay, now: datetime) -> set[str]:
        return set()

    def apply_pending(self, o: order.ApplyPending, now: datetime) -> set[str]:
        return set()

    def within(self, asked: Any, source: str, target: str, amount: int) -> set[str]:
        """Money that stays with its owner."""
        lines = [((asked.role, source, asked.owner), -amount),
                 ((asked.role, target, asked.owner), amount)]  # fmt: skip
        return self.post(lines, "own")

    def shuts_out(self, key: Key) -> bool:
        """Whether nothing may come in."""
        return key in self.cancelled or "in" in self.blocked[key]

    def is_stopped(self, w: wish.PartyWish) -> bool:
        """Whether an alarm keeps this owner's money here."""
        return (w.role, w.owner) in self.alarms.values()


def told_as_a_trade(paid: PaymentSucceeded) -> wish.Trade:
    """The wish that a payment's success stands for."""
    return wish.Trade(
        no=paid.payment.id,
        merchant_no=paid.payment.merchant_no,
        channel_no=paid.channel_no,
        funds_flow=paid.funds_flow,
        amount_fen=paid.amount_fen,
        fee_fen=paid.fee_fen,
        rate_ppm=paid.fee_rate_ppm,
        cost_fen=paid.cost_fen,
        pay_type=paid.payment.pay_type,
    )


def _clearing(asked: Any) -> Key:
    return ("channel", "clearing", asked.channel_no)


def _number_of(asked: Any) -> tuple[str, str] | None:
    if isinstance(asked, wish.Wish):
        return asked.kind, asked.no
    kind, field = NUMBERED.get(type(asked), ("", ""))
    return (kind, getattr(asked, field)) if kind else None


def _method_of(asked: Any) -> str:
    if isinstance(asked, wish.Wish):
        return asked.kind
    name = type(asked).__name__
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
