-- find_payment
-- One payment of a merchant by our number.
SELECT * FROM ordering.payment WHERE merchant_no = $1 AND payment_id = $2;

-- find_order
-- One payment of a merchant by the merchant's own order number.
SELECT * FROM ordering.payment WHERE merchant_no = $1 AND merchant_order_no = $2;

-- list_payments
-- A merchant's payments older than the one named, newest first: ids are ordered by time.
SELECT * FROM ordering.payment WHERE merchant_no = $1 AND payment_id < $2
ORDER BY payment_id DESC LIMIT $3;

-- find_refund
-- One refund of a merchant by our number.
SELECT * FROM ordering.refund WHERE merchant_no = $1 AND refund_id = $2;

-- find_refund_number
-- One refund of a merchant by the merchant's own number.
SELECT * FROM ordering.refund
WHERE merchant_no = $1 AND merchant_refund_no = $2 AND kind = 'merchant';

-- list_refunds
-- A merchant's refunds (or those of one payment) older than the one named, newest first.
SELECT * FROM ordering.refund
WHERE merchant_no = $1 AND ($2::text IS NULL OR payment_id = $2) AND refund_id < $3
ORDER BY refund_id DESC LIMIT $4;

-- list_payment_refunds
-- The first refunds of a payment.
SELECT * FROM ordering.refund WHERE payment_id = $1 ORDER BY refund_id LIMIT $2;

-- list_attempts
-- The first attempts of a payment, with the records of why they were made.
SELECT attempt_id, channel_no, state, decisions, opened_at, answered_at, updated_at
FROM channels.attempt WHERE payment_id = $1 ORDER BY attempt_id LIMIT $2;

-- list_bookings
-- What was booked about a payment on its merchant's accounts.
SELECT b.booking_key, b.booked_at, sum(e.amount_fen)::bigint AS amount_fen
FROM accounting.booking AS b
JOIN accounting.entry AS e USING (booking_id)
JOIN accounting.account AS a USING (account_id)
WHERE b.subject = $1 AND a.role = 'merchant' AND a.owner = $2
GROUP BY b.booking_id, b.booking_key, b.booked_at ORDER BY b.booked_at LIMIT $3;

-- list_webhooks
-- What a merchant is told about a payment.
SELECT notification_id, type, state, created_at, delivered_at
FROM notification.notification WHERE subject = $1 AND merchant_no = $2
ORDER BY created_at, notification_id LIMIT $3;

-- list_day_payments
-- A page of what was paid to a merchant after one place of a day and before a moment.
SELECT payment_id AS id, paid_at AS at, merchant_order_no, pay_type, channel_no, channel_trade_no,
    currency, amount_fen, fee_fen, is_late, subject
FROM ordering.payment
WHERE merchant_no = $1 AND paid_at IS NOT NULL AND (paid_at, payment_id) > ($2, $3)
    AND paid_at < $4
ORDER BY paid_at, payment_id LIMIT $5;

-- list_day_refunds
-- A page of what payers got back of a merchant's money after one place of a day.
SELECT refund_id AS id, refunded_at AS at, kind, payment_id, merchant_order_no,
    merchant_refund_no, pay_type, channel_no, channel_trade_no, channel_refund_no, currency,
    amount_fen, reason
FROM ordering.refund
WHERE merchant_no = $1 AND refunded_at IS NOT NULL AND (refunded_at, refund_id) > ($2, $3)
    AND refunded_at < $4 AND kind <> 'duplicate'
ORDER BY refunded_at, refund_id LIMIT $5;

-- find_refund_fees
-- What refunds cost less what they gave back.
SELECT refund_no, fee_fen FROM accounting.refund WHERE refund_no = ANY($1::text[]);

-- find_accounts
-- A merchant's accounts (or the one with a number), each with its newest entry and how it stood
-- before a moment.
SELECT a.account_id, a.account_no, a.kind, a.currency, a.state, a.booking_mode, a.balance_fen,
    a.serial, a.out_of_reserve_fen, a.reserve_days, a.refund_fee_policy, a.opened_at,
    coalesce(n.serial, 0) AS newest_serial, coalesce(n.balance_after_fen, 0) AS newest_balance_fen,
    n.booked_at AS moved_at, coalesce(p.balance_after_fen, 0) AS past_balance_fen
FROM accounting.account AS a
LEFT JOIN LATERAL (
    SELECT serial, balance_after_fen, booked_at FROM accounting.entry
    WHERE account_id = a.account_id ORDER BY serial DESC LIMIT 1
) AS n ON true
LEFT JOIN accounting.entry AS p
    ON p.account_id = a.account_id AND p.serial = accounting.serial_before(a.account_id, $3)
WHERE a.owner = $1 AND a.role = 'merchant' AND ($2::text IS NULL OR a.account_no = $2)
ORDER BY a.account_id;

-- find_account_id
-- A merchant's account by its number.
SELECT account_id, currency FROM accounting.account
WHERE account_no = $1 AND role = 'merchant' AND owner = $2;

-- find_balances
-- How an account stood before each of these moments, all seen at the same time.
SELECT coalesce(e.serial, 0) AS serial, coalesce(e.balance_after_fen, 0) AS balance_fen
FROM unnest($2::timestamptz[]) WITH ORDINALITY AS m (moment, place)
LEFT JOIN accounting.entry AS e
    ON e.account_id = $1 AND e.serial = accounting.serial_before($1, m.moment)
ORDER BY m.place;

-- list_pending
-- A page of the entries after one serial, up to another, as far as they bear on the reserve.
SELECT serial, kind, amount_fen FROM accounting.entry
WHERE account_id = $1 AND serial > $2 AND serial <= $3 ORDER BY serial LIMIT $4;

-- list_entries
-- A page of an account's entries between two serials, newest first.
SELECT e.serial, e.booked_at, e.kind, b.booking_key, b.subject, e.amount_fen, e.balance_after_fen,
    e.fee_fen, e.rate_ppm, e.rate_no
FROM accounting.entry AS e JOIN accounting.booking AS b USING (booking_id)
WHERE e.account_id = $1 AND e.serial > $2 AND e.serial < $3 ORDER BY e.serial DESC LIMIT $4;

-- list_statement
-- A page of an account's entries after one serial, up to another, oldest first.
SELECT e.serial, e.booked_at, e.kind, b.booking_key, b.subject, e.amount_fen, e.balance_after_fen,
    e.fee_fen, e.rate_ppm, e.rate_no
FROM accounting.entry AS e JOIN accounting.booking AS b USING (booking_id)
WHERE e.account_id = $1 AND e.serial > $2 AND e.serial <= $3 ORDER BY e.serial LIMIT $4;

-- list_days
-- These days with their ends: whether they are closed, and how an account stood then.
SELECT d.day, c.day IS NOT NULL AS is_closed, coalesce(
    (SELECT b.balance_fen FROM accounting.balance_day AS b
        WHERE b.account_id = $1 AND b.day = d.day),
    (SELECT e.balance_after_fen FROM accounting.entry AS e
        WHERE e.account_id = $1 AND e.serial = accounting.serial_before($1, d.ends_at)),
    0) AS balance_fen
FROM unnest($2::date[], $3::timestamptz[]) AS d (day, ends_at)
LEFT JOIN accounting.closed_day AS c USING (day)
ORDER BY d.day;

-- list_collects
-- What moved an account on days from one to another, by kind.
SELECT day, kind, amount_fen, volume_fen, count FROM accounting.collect_day
WHERE account_id = $1 AND day BETWEEN $2 AND $3 ORDER BY day, kind;
