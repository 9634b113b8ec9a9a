-- find_payment
-- A payment by our id.
SELECT * FROM ordering.payment WHERE payment_id = $1;

-- find_attempts
-- The attempts of a payment, first to last.
SELECT * FROM channels.attempt WHERE payment_id = $1 ORDER BY rank;

-- find_entries
-- The entries that book a payment.
SELECT b.booking_key, b.booked_at, a.account_no, a.role || '.' || a.kind AS account, a.owner,
    e.amount_fen, e.balance_after_fen
FROM accounting.booking AS b
JOIN accounting.entry AS e USING (booking_id)
JOIN accounting.account AS a USING (account_id)
WHERE b.subject = $1 ORDER BY b.booked_at, e.amount_fen;

-- find_notifications
-- The notifications about a payment with their tries.
SELECT n.notification_id, n.type, n.url, n.state, n.created_at,
       t.number, t.started_at, t.cost_ms, t.status, t.error
FROM notification.notification AS n LEFT JOIN notification.attempt AS t USING (notification_id)
WHERE n.subject = $1 ORDER BY n.created_at, t.number;

-- find_messages
-- What the rooms said about a payment, out of their inboxes, in the order of their saying.
SELECT i.actor, i.settled_at, i.effects FROM bus.inbox AS i
WHERE i.settled_at BETWEEN $1 AND $2 AND position($3::bytea IN i.effects) > 0
ORDER BY i.settled_at;

-- kept_back
-- How much waits in PostgreSQL for room in each of these lanes.
SELECT notification.lane_of(merchant_no, endpoint_id) AS lane, count(*)::int AS kept_back
FROM notification.notification
WHERE is_kept_back AND notification.lane_of(merchant_no, endpoint_id) = ANY($1::text[])
GROUP BY 1;

-- merchant_told
-- Whose notification this is.
SELECT merchant_no FROM notification.notification WHERE notification_id = $1;

-- find_routed
-- First attempts since a moment with their records, oldest first, and whether each was paid. Orders
-- that ended before they were routed have a place there, too, and no channel.
SELECT terms, decisions, opened_at, state = 'succeeded' AS is_paid
FROM channels.attempt WHERE opened_at >= $1 AND rank = 1 AND channel_no <> ''
ORDER BY attempt_id LIMIT $2;

-- list_unclear
-- Payments of which nobody could say before a moment how they end, oldest first.
SELECT payment_id, merchant_no, merchant_order_no, state, amount_fen, close_reason,
    ordering.unclear_since(state, created_at, answered_at, expires_at, updated_at) AS since
FROM ordering.payment
WHERE close_at IS NOT NULL AND state IN ('unknown', 'closing') AND ordering.unclear_since(
    state, created_at, answered_at, expires_at, updated_at) <= $1
ORDER BY since LIMIT $2;

-- sum_unclear_payments
-- How many these are, and the money at risk.
SELECT count(*) AS count, coalesce(sum(amount_fen), 0)::bigint AS amount_fen
FROM ordering.payment
WHERE close_at IS NOT NULL AND state IN ('unknown', 'closing') AND ordering.unclear_since(
    state, created_at, answered_at, expires_at, updated_at) <= $1;

-- last_attempts
-- The newest attempt of each of these payments.
SELECT DISTINCT ON (payment_id) payment_id, channel_no, state, channel_code, channel_message,
    queries, query_at
FROM channels.attempt WHERE payment_id = ANY($1::text[])
ORDER BY payment_id, attempt_id DESC;

-- list_refunds
-- Refunds in these states, of a merchant or of all, those that have been so longest first.
SELECT refund_id, merchant_no, merchant_refund_no, kind, payment_id, state, amount_fen,
    channel_no, failure, created_at, updated_at
FROM ordering.refund
WHERE state = ANY($1::text[]) AND ($2::text IS NULL OR merchant_no = $2)
ORDER BY updated_at LIMIT $3;

-- find_refund
-- A refund by our id.
SELECT * FROM ordering.refund WHERE refund_id = $1;

-- find_refunds
-- The refunds of a payment, in the order in which they were wished.
SELECT refund_id, merchant_refund_no, kind, amount_fen, state, failure, created_at, refunded_at
FROM ordering.refund WHERE payment_id = $1 ORDER BY refund_id;

-- find_repayments
-- What the channels of these refunds say of them.
SELECT refund_id, numbers, channel_refund_no, channel_code, channel_message, queries
FROM channels.repayment WHERE refund_id = ANY($1::text[]);

-- find_repayment
-- What the channel of a refund says of it.
SELECT refund_id, state, numbers, number_is_spent, repaid_ordinal, channel_refund_no,
    channel_code, channel_message, queries, query_at, opened_at, updated_at
FROM channels.repayment WHERE refund_id = $1;
