-- payments
-- What ordering believes.
SELECT payment_id, merchant_no, merchant_order_no, state, amount_fen, fee_fen
FROM ordering.payment;

-- bookings
-- Each booking with the sum of its entries and the gross amount that it moves.
SELECT b.booking_key, b.subject AS payment_id, coalesce(sum(e.amount_fen), 0)::bigint AS sum_fen,
    coalesce(sum(e.amount_fen) FILTER (WHERE e.amount_fen > 0), 0)::bigint AS gross_fen
FROM accounting.booking AS b LEFT JOIN accounting.entry AS e USING (booking_id)
GROUP BY b.booking_id;

-- accounts
-- Each owner's balance as it is kept, in whatever shards, and as its entries add up to.
SELECT a.role || '.' || a.kind AS kind, a.owner, sum(a.balance_fen)::bigint AS balance_fen,
    coalesce(sum(e.posted_fen), 0)::bigint AS posted_fen
FROM accounting.account AS a LEFT JOIN (
    SELECT account_id, sum(amount_fen) AS posted_fen FROM accounting.entry GROUP BY account_id
) AS e USING (account_id)
GROUP BY a.role, a.kind, a.owner;

-- attempts
-- What channels believes; an attempt's id is our number at the channel.
SELECT attempt_id, payment_id, state, paid_fen FROM channels.attempt;

-- notifications
-- What notification believes to have told the merchants.
SELECT notification_id, subject AS payment_id, type, state FROM notification.notification;

-- add_merchants
-- Merchants in the directory that the rooms read.
INSERT INTO directory.profile (kind, number, version, document)
SELECT 'merchant', n, 1, d FROM unnest($1::text[], $2::jsonb[]) AS p (n, d);

-- kept_notifications
-- How many notifications there are for a merchant, by state.
SELECT state, count(*)::int FROM notification.notification WHERE merchant_no = $1 GROUP BY state;

-- refunds
-- Each refund with how often it is booked: set aside once, and gone once.
SELECT r.refund_id, r.merchant_refund_no, r.state, r.amount_fen, (
    SELECT count(*)::int FROM accounting.booking AS b
    WHERE b.booking_key IN ('refund:' || r.refund_id, 'refund_completed:' || r.refund_id)
) AS bookings
FROM ordering.refund AS r;

-- refunds_told
-- How many webhooks of a type have arrived.
SELECT count(*)::int FROM notification.notification WHERE type = $1 AND state = 'delivered';

-- refund_balances
-- Owners for whom money of refunds is still set aside.
SELECT owner, sum(balance_fen)::bigint AS fen FROM accounting.account WHERE kind = 'refunding'
GROUP BY owner HAVING sum(balance_fen) <> 0;
