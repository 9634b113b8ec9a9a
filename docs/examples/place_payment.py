"""Places a payment from outside, over AMQP, and prints the answer.

pip install aio-pika
python place_payment.py amqp://upstream:PASSWORD@HOST:5672/ MERCHANT_NO ORDER_NO AMOUNT_FEN
"""

import asyncio
import json
import sys
import uuid
from datetime import UTC, datetime

import aio_pika

EXCHANGE = "tomato.upstream"
REPLY_TO = "amq.rabbitmq.reply-to"
SINGLE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"


def wish(merchant_no: str, order_no: str, amount_fen: int) -> dict:
    """One event. `source` names your system, `id` this event: send it again with the same two."""
    return {
        "specversion": "1.0",
        "source": "shop.example/orders",
        "id": str(uuid.uuid4()),
        "type": "payment.place",
        "time": datetime.now(UTC).isoformat(),
        "correlationid": order_no,
        "data": {
            "merchant_no": merchant_no,
            "request": {
                "merchant_order_no": order_no,
                "amount_fen": amount_fen,
                "pay_type": "wechat_native",
                "subject": "Two boxes of tomatoes",
            },
        },
    }


async def place(url: str, event: dict, wait_s: float = 10) -> dict | None:
    """The answer to the event, or None if none came in time: then ask again with a new id."""
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        # Direct reply-to: the answer comes on the channel that published the question.
        replies = await channel.get_queue(REPLY_TO, ensure=False)
        answer = asyncio.get_running_loop().create_future()

        async def hear(message: aio_pika.abc.AbstractIncomingMessage) -> None:
            told = json.loads(message.body)
            for each in told if message.content_type == BATCH else [told]:
                if each.get("correlationid") == event["correlationid"] and not answer.done():
                    answer.set_result(each)

        await replies.consume(hear, no_ack=True)
        exchange = await channel.get_exchange(EXCHANGE, ensure=False)
        # Returns when the broker has stored the event; raises if nobody would ever read it.
        await exchange.publish(
            aio_pika.Message(
                json.dumps(event).encode(),
                content_type=SINGLE,
                delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
                reply_to=REPLY_TO,
            ),
            routing_key="",
            mandatory=True,
        )
        try:
            return await asyncio.wait_for(answer, wait_s)
        except TimeoutError:
            return None


if __name__ == "__main__":
    url, merchant_no, order_no, amount_fen = sys.argv[1:]
    answer = asyncio.run(place(url, wish(merchant_no, order_no, int(amount_fen))))
    print(json.dumps(answer, indent=2, ensure_ascii=False))
    sys.exit(0 if answer and "payment" in answer["data"] else 1)
