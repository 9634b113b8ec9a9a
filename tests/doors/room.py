"""A stand-in for ordering: it reads the real queue and answers as the order number tells it to.

silent-…           never answers
placed-…           answers with a payment that is still in state `placed`
failed-…           answers with a payment that failed
refused|CODE-…     answers with that refusal
anything else      answers with a payment that waits for its payer
"""

from __future__ import annotations

from datetime import timedelta

from bus.broker import Arrived, Broker
from bus.effects import Reply, deliveries, spoken
from bus.jobs import now_utc
from bus.topology import Inlet
from schema.channels import QrCode
from schema.events import Event, decode_events
from schema.ids import payment_id
from schema.messages.contract import read
from schema.messages.doors import PlacePayment
from schema.messages.ordering import PaymentAnswered
from schema.payments import PaymentState, PaymentView, Refusal

INLET = Inlet("ordering", (PlacePayment,))
CODE = QrCode(url="weixin://wxpay/bizpayurl?pr=test")


class Room:
    """Reads `ordering` with a connection of its own and remembers what it has heard."""

    def __init__(self, rabbitmq_url: str) -> None:
        self.broker = Broker(rabbitmq_url, name="stand-in")
        self.heard: list[Event] = []
        self.broker.subscribe(INLET, self._read)

    async def start(self) -> None:
        await self.broker.connect()
        await self.broker.declare()
        await self.broker.start()

    async def stop(self) -> None:
        await self.broker.pause()
        await self.broker.stop()

    def orders(self, merchant_no: str) -> list[tuple[Event, PlacePayment]]:
        """What this merchant's orders came as."""
        read_all = [(event, read(event)) for event in self.heard]
        return [
            (event, message)
            for event, message in read_all
            if isinstance(message, PlacePayment) and message.merchant_no == merchant_no
        ]

    async def _read(self, arrived: Arrived) -> None:
        answers = []
        for event in decode_events(arrived.body, arrived.content_type):
            self.heard.append(event)
            message = read(event)
            assert isinstance(message, PlacePayment)
            if not message.request.merchant_order_no.startswith("silent-"):
                reply = Reply(answer_to(message))
                answers += spoken([reply], event, "ordering", now_utc())[0]
        await self.broker.publish(deliveries(answers))


def answer_to(message: PlacePayment) -> PaymentAnswered:
    """What the order number asks to be answered."""
    kind = message.request.merchant_order_no.partition("-")[0]
    if kind.startswith("refused"):
        return PaymentAnswered(refusal=Refusal(code=kind[8:], reason="as the test wished"))
    failure = Refusal(code="no_channel", reason="No channel can take this payment.")
    match kind:
        case "screening":
            return PaymentAnswered(payment=view_of(message, PaymentState.SCREENING))
        case "failed":
            failed = view_of(message, PaymentState.FAILED, failure=failure)
            return PaymentAnswered(payment=failed)
        case _:
            pending = view_of(message, PaymentState.PENDING, pay=CODE)
            return PaymentAnswered(payment=pending)


def view_of(message: PlacePayment, state: PaymentState, **more: object) -> PaymentView:
    """The order as merchants see it."""
    request, now = message.request, now_utc()
    return PaymentView(
        id=payment_id(message.merchant_no, request.merchant_order_no, now),
        merchant_no=message.merchant_no,
        merchant_order_no=request.merchant_order_no,
        state=state,
        amount_fen=request.amount_fen,
        currency=request.currency,
        pay_type=request.pay_type,
        subject=request.subject,
        metadata=request.metadata,
        created_at=now,
        expires_at=now + timedelta(seconds=request.expires_in_s),
        **more,  # type: ignore[arg-type]
    )
