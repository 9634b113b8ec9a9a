"""A stand-in for ordering: it reads the real queue and answers as the order number tells it to.

silent-…           never answers
screening-…        answers with a payment that risk still looks at
failed-…           answers with a payment that failed
refused|CODE-…     answers with that refusal
code-0…            answers that this form was another order
anything else      answers with a payment that waits for its payer

So it is with refund numbers: silent-…, failed-…, queued-…, refused|CODE-…; else the channel is
asked. A wish to close is answered once what the test has put into `ends` has happened, else never.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

from bus.broker import Arrived, Broker
from bus.effects import Reply, deliveries, spoken
from bus.jobs import now_utc
from bus.topology import Inlet
from schema.channels import QrCode
from schema.events import Event, decode_events
from schema.ids import payment_id, refund_id
from schema.messages.contract import Message, read
from schema.messages.doors import ChoosePayType, ClosePayment, PlacePayment, PlaceRefund
from schema.messages.ordering import PaymentAnswered, RefundAnswered
from schema.payments import PaymentState, PaymentView, Refusal
from schema.refunds import RefundState, RefundView

INLET = Inlet("ordering", (PlacePayment, ClosePayment, PlaceRefund, ChoosePayType))
CODE = QrCode(url="weixin://wxpay/bizpayurl?pr=test")


class Room:
    """Reads `ordering` with a connection of its own and remembers what it has heard."""

    def __init__(self, rabbitmq_url: str) -> None:
        self.broker = Broker(rabbitmq_url, name="stand-in")
        self.heard: list[Event] = []
        self.ends: dict[str, Callable[[], Awaitable[None]]] = {}
        """What happens to payments when somebody wishes to close them."""
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

    def wishes(self, merchant_no: str) -> list[Message]:
        """What this merchant wished beside orders."""
        read_all = map(read, self.heard)
        return [
            message
            for message in read_all
            if isinstance(message, ClosePayment | PlaceRefund)
            and message.merchant_no == merchant_no
        ]

    async def _read(self, arrived: Arrived) -> None:
        answers = []
        for event in decode_events(arrived.body, arrived.content_type):
            self.heard.append(event)
            answer = await self._answer(read(event))
            if answer is not None:
                answers += spoken([Reply(answer)], event, "ordering", now_utc())[0]
        await self.broker.publish(deliveries(answers))

    async def _answer(self, message: Message) -> Message | None:
        match message:
            case ClosePayment(payment_id=number):
                if number not in self.ends:
                    return None
                await self.ends[number]()
                return PaymentAnswered()
            case ChoosePayType():
                return PaymentAnswered(refusal=Refusal(code="too_many_choices", reason="enough"))
            case PlaceRefund(request=request):
                is_silent = request.merchant_refund_no.startswith("silent-")
                return None if is_silent else answer_to_refund(message)
            case PlacePayment(request=request):
                is_silent = request.merchant_order_no.startswith("silent-")
                return None if is_silent else answer_to(message)
            case _:
                raise AssertionError(f"nobody says {message} here")


def answer_to(message: PlacePayment) -> PaymentAnswered:
    """What the order number asks to be answered."""
    kind, _, number = message.request.merchant_order_no.partition("-")
    if (kind, number[:1]) == ("code", "0"):
        kind = "refused|order_no_conflict"
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


def answer_to_refund(message: PlaceRefund) -> RefundAnswered:
    """What the refund number asks to be answered."""
    kind = message.request.merchant_refund_no.partition("-")[0]
    refusal = Refusal(code=kind[8:] or "insufficient_balance", reason="as the test wished")
    if kind.startswith("refused"):
        return RefundAnswered(refusal=refusal)
    states = {"failed": RefundState.FAILED, "queued": RefundState.QUEUED}
    state = states.get(kind, RefundState.ASKED)
    more = {} if state is RefundState.ASKED else {"failure": refusal}
    return RefundAnswered(refund=view_of_refund(message, state, **more))


def view_of_refund(message: PlaceRefund, state: RefundState, **more: object) -> RefundView:
    """The refund as merchants see it."""
    request, now = message.request, now_utc()
    return RefundView(
        id=refund_id(message.merchant_no, request.merchant_refund_no, now),
        merchant_no=message.merchant_no,
        merchant_refund_no=request.merchant_refund_no,
        payment_id=request.payment_id or payment_id(message.merchant_no, "by its number", now),
        merchant_order_no=request.merchant_order_no or "by-its-id",
        kind="merchant",
        state=state,
        amount_fen=request.amount_fen or 1,
        currency="CNY",
        metadata=request.metadata,
        created_at=now,
        **more,  # type: ignore[arg-type]
    )
