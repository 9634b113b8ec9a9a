-- open_batch
-- Becomes the bookkeeper for this transaction, and finds the shard's newest batch.
SELECT set_config('role', 'tomato_bookkeeper', true) AS role, b.no, b.hash
FROM (SELECT) AS always
LEFT JOIN LATERAL (
    SELECT no, hash FROM accounting.batch WHERE shard = $1 ORDER BY no DESC LIMIT 1
) AS b ON true;

-- find_accounts
-- The accounts of these keys that are open.
SELECT a.account_id, a.role, a.kind, a.owner, a.currency, a.bucket
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::smallint[])
    AS k (role, kind, owner, currency, bucket)
JOIN accounting.account AS a USING (role, kind, owner, currency, bucket);

-- find_numbered
-- The accounts with these numbers, for an operator alone: nobody books on them meanwhile.
SELECT account_id FROM accounting.account WHERE account_no = ANY($1::text[])
ORDER BY account_id FOR UPDATE;

-- find_siblings
-- All accounts of the owners who have the accounts with these numbers.
SELECT s.account_id FROM accounting.account AS a
JOIN accounting.account AS s ON (s.owner, s.role, s.currency) = (a.owner, a.role, a.currency)
WHERE a.account_no = ANY($1::text[]);

-- next_sequences
-- So many further numbers for account numbers.
SELECT nextval('accounting.account_sequence') FROM generate_series(1, $1::integer);

-- open_accounts
-- Makes accounts on first use; one that another has just made is left as it is.
INSERT INTO accounting.account
    (account_no, role, kind, owner, currency, bucket, floor_fen, opened_at)
SELECT n.account_no, n.role, n.kind, n.owner, n.currency, n.bucket, n.floor_fen, $8
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::smallint[],
    $7::bigint[]) AS n (account_no, role, kind, owner, currency, bucket, floor_fen)
ON CONFLICT (role, kind, owner, currency, bucket) DO NOTHING
RETURNING account_id, account_no, kind;

-- lock_accounts
-- Accounts by id, locked in the order of their ids so that two batches can't deadlock.
SELECT account_id, account_no, role, kind, owner, currency, bucket, state, booking_mode, floor_fen,
    ceiling_fen, reserve_days, refund_fee_policy, balance_fen, serial, out_of_reserve_fen,
    reserved_on, moved_at
FROM accounting.account WHERE account_id = ANY($1::bigint[]) AND booking_mode = 'sync'
ORDER BY account_id FOR UPDATE;

-- find_booked_later
-- Those of these accounts whose balances are applied later; those who book on them do not
-- wait for each other, only for whoever changes how they are kept.
SELECT account_id, account_no, role, kind, owner, currency, bucket, state, booking_mode, floor_fen,
    ceiling_fen, reserve_days, refund_fee_policy, balance_fen, serial, out_of_reserve_fen,
    reserved_on, moved_at
FROM accounting.account WHERE account_id = ANY($1::bigint[]) AND booking_mode = 'async'
ORDER BY account_id FOR SHARE;

-- find_newest
-- The newest entry of each of these accounts.
SELECT e.account_id, e.serial, e.balance_after_fen, e.booked_at
FROM unnest($1::bigint[]) AS a (account_id)
CROSS JOIN LATERAL (
    SELECT account_id, serial, balance_after_fen, booked_at FROM accounting.entry
    WHERE account_id = a.account_id ORDER BY serial DESC LIMIT 1
) AS e;

-- find_pending
-- The entries that are not yet in these accounts' balances, in order.
SELECT e.account_id, e.amount_fen, e.kind, e.booked_at
FROM unnest($1::bigint[], $2::bigint[]) AS a (account_id, serial)
JOIN accounting.entry AS e ON e.account_id = a.account_id AND e.serial > a.serial
ORDER BY e.account_id, e.serial;

-- find_lagging
-- Accounts whose balances have entries to catch up with.
SELECT a.account_id FROM accounting.account AS a
WHERE a.booking_mode = 'async' AND EXISTS (
    SELECT FROM accounting.entry AS e WHERE e.account_id = a.account_id AND e.serial > a.serial
);

-- find_bookings
-- Which of these keys are booked already, and as what.
SELECT * FROM accounting.booking WHERE booking_key = ANY($1::text[]);

-- lock_holds
-- Holds by number.
SELECT * FROM accounting.hold WHERE hold_no = ANY($1::text[]) ORDER BY hold_no FOR UPDATE;

-- lock_payouts
-- Payouts by number.
SELECT * FROM accounting.payout WHERE payout_no = ANY($1::text[]) ORDER BY payout_no FOR UPDATE;

-- lock_refunds
-- Refunds that wait for their channels, or have, by number.
SELECT * FROM accounting.refund WHERE refund_no = ANY($1::text[]) ORDER BY refund_no FOR UPDATE;

-- lock_trade_uses
-- What came after these payments.
SELECT * FROM accounting.trade_use WHERE payment_id = ANY($1::text[])
ORDER BY payment_id FOR UPDATE;

-- lock_adjustments
-- Adjustments by number.
SELECT * FROM accounting.adjustment WHERE adjustment_no = ANY($1::text[])
ORDER BY adjustment_no FOR UPDATE;

-- find_alarms
-- Alarms by number, and the open ones of these owners.
SELECT * FROM accounting.alarm WHERE alarm_no = ANY($1::text[])
UNION
SELECT * FROM accounting.alarm WHERE owner = ANY($2::text[]) AND cleared_at IS NULL;

-- find_changes
-- Lines of the management history by number.
SELECT * FROM accounting.account_change WHERE change_no = ANY($1::text[]);

-- find_rates
-- Rates by number, and all of these accounts: those that hold, held, and will hold.
SELECT * FROM accounting.rate WHERE rate_no = ANY($1::text[])
UNION
SELECT * FROM accounting.rate WHERE account_id = ANY($2::bigint[]);

-- find_volumes
-- What was booked gross on these accounts since the first day of a month, by kind.
SELECT account_id, kind, sum(volume_fen)::bigint AS volume_fen FROM (
    SELECT account_id, kind, volume_fen FROM accounting.collect_day
    WHERE account_id = ANY($1::bigint[]) AND day >= $2 AND day < $3
    UNION ALL
    SELECT e.account_id, e.kind, b.amount_fen FROM unnest($1::bigint[]) AS a (account_id)
    JOIN accounting.entry AS e
        ON e.account_id = a.account_id AND e.serial > accounting.serial_before(a.account_id, $4)
    JOIN accounting.booking AS b USING (booking_id)
) AS since
GROUP BY account_id, kind;

-- first_open_day
-- The day after the newest closed one, from a first day on.
SELECT coalesce(max(day) + 1, $1::date) FROM accounting.closed_day WHERE day >= $1;

-- page_in_reserve
-- A page of the accounts that have a reserve.
SELECT account_id, booking_mode FROM accounting.account
WHERE reserve_days > 0 AND account_id > $1 ORDER BY account_id LIMIT $2;

-- sum_in_reserve
-- The trades of these accounts since their reserves begin, counted back from the start of a day.
SELECT a.account_id, coalesce((
    SELECT sum(e.amount_fen) FROM accounting.entry AS e
    WHERE e.account_id = a.account_id AND e.kind = 'trade' AND e.serial > accounting.serial_before(
        a.account_id, $2::timestamptz - (a.reserve_days - 1) * interval '1 day')
), 0)::bigint AS in_reserve_fen
FROM accounting.account AS a WHERE a.account_id = ANY($1::bigint[]);

-- page_moved
-- A page of the accounts that may have moved since the start of a day.
SELECT account_id FROM accounting.account
WHERE account_id > $1 AND (moved_at >= $2 OR booking_mode = 'async')
ORDER BY account_id LIMIT $3;

-- day_balances
-- How these accounts stood at the end of a day, where the day has moved them.
SELECT a.account_id, e.serial, e.balance_after_fen AS balance_fen
FROM unnest($1::bigint[]) AS a (account_id)
CROSS JOIN LATERAL (SELECT accounting.serial_before(a.account_id, $2) AS first,
    accounting.serial_before(a.account_id, $3) AS last) AS s
JOIN accounting.entry AS e ON e.account_id = a.account_id AND e.serial = s.last
WHERE s.last > s.first;

-- day_collects
-- What moved these accounts on a day, by kind.
SELECT a.account_id, e.kind, sum(e.amount_fen)::bigint AS amount_fen,
    sum(b.amount_fen)::bigint AS volume_fen, count(*)::integer AS count
FROM unnest($1::bigint[]) AS a (account_id)
CROSS JOIN LATERAL (SELECT accounting.serial_before(a.account_id, $2) AS first,
    accounting.serial_before(a.account_id, $3) AS last) AS s
JOIN accounting.entry AS e
    ON e.account_id = a.account_id AND e.serial > s.first AND e.serial <= s.last
JOIN accounting.booking AS b USING (booking_id)
GROUP BY a.account_id, e.kind;

-- add_batch
-- Chains this batch to the one before; a number that exists is another writer's.
INSERT INTO accounting.batch (shard, no, epoch, bookings, entries, previous, hash, booked_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- move_accounts
-- Writes accounts, each only from the serial that it was computed from.
UPDATE accounting.account AS a SET balance_fen = n.balance_fen, serial = n.serial,
    out_of_reserve_fen = n.out_of_reserve_fen, moved_at = n.moved_at
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::timestamptz[],
    $6::bigint[])
    AS n (account_id, balance_fen, serial, out_of_reserve_fen, moved_at, serial_before)
WHERE a.account_id = n.account_id AND a.serial = n.serial_before
RETURNING a.account_id;

-- keep_accounts
-- Writes how accounts are kept and stand, each only from the serial that it was computed from.
UPDATE accounting.account AS a SET state = n.state, booking_mode = n.booking_mode,
    floor_fen = n.floor_fen, reserve_days = n.reserve_days,
    refund_fee_policy = n.refund_fee_policy, balance_fen = n.balance_fen, serial = n.serial,
    out_of_reserve_fen = n.out_of_reserve_fen, reserved_on = n.reserved_on, moved_at = n.moved_at
FROM ROWS FROM (json_to_recordset($1::json) AS (account_id bigint, state text, booking_mode text,
    floor_fen bigint, reserve_days smallint, refund_fee_policy text, balance_fen bigint,
    serial bigint, out_of_reserve_fen bigint, reserved_on date, moved_at timestamptz),
    unnest($2::bigint[]))
    AS n (account_id, state, booking_mode, floor_fen, reserve_days, refund_fee_policy, balance_fen,
    serial, out_of_reserve_fen, reserved_on, moved_at, serial_before)
WHERE a.account_id = n.account_id AND a.serial = n.serial_before
RETURNING a.account_id;

-- add_holds
-- Stores holds.
INSERT INTO accounting.hold
SELECT * FROM json_populate_recordset(NULL::accounting.hold, $1::json);

-- change_holds
-- Sets what is left of holds.
UPDATE accounting.hold AS h SET remaining_fen = n.remaining_fen, changed_at = n.changed_at
FROM json_populate_recordset(NULL::accounting.hold, $1::json) AS n WHERE h.hold_no = n.hold_no;

-- add_payouts
-- Stores payouts.
INSERT INTO accounting.payout
SELECT * FROM json_populate_recordset(NULL::accounting.payout, $1::json);

-- change_payouts
-- Sets the states of payouts.
UPDATE accounting.payout AS p SET state = n.state, changed_at = n.changed_at
FROM json_populate_recordset(NULL::accounting.payout, $1::json) AS n
WHERE p.payout_no = n.payout_no;

-- add_refunds
-- Stores refunds that wait for their channels.
INSERT INTO accounting.refund
SELECT * FROM json_populate_recordset(NULL::accounting.refund, $1::json);

-- change_refunds
-- Sets the states of refunds.
UPDATE accounting.refund AS r SET state = n.state, changed_at = n.changed_at
FROM json_populate_recordset(NULL::accounting.refund, $1::json) AS n
WHERE r.refund_no = n.refund_no;

-- add_trade_uses
-- Stores the first thing that came after trades.
INSERT INTO accounting.trade_use
SELECT * FROM json_populate_recordset(NULL::accounting.trade_use, $1::json);

-- change_trade_uses
-- Stores what came after trades since.
UPDATE accounting.trade_use AS t SET refunded_fen = n.refunded_fen,
    fee_returned_fen = n.fee_returned_fen, shared_fen = n.shared_fen
FROM json_populate_recordset(NULL::accounting.trade_use, $1::json) AS n
WHERE t.payment_id = n.payment_id;

-- add_adjustments
-- Stores proposals.
INSERT INTO accounting.adjustment
SELECT * FROM json_populate_recordset(NULL::accounting.adjustment, $1::json);

-- change_adjustments
-- Stores what was decided on proposals.
UPDATE accounting.adjustment AS a SET state = n.state, checker = n.checker,
    decided_at = n.decided_at
FROM json_populate_recordset(NULL::accounting.adjustment, $1::json) AS n
WHERE a.adjustment_no = n.adjustment_no;

-- add_alarms
-- Stores alarms.
INSERT INTO accounting.alarm
SELECT * FROM json_populate_recordset(NULL::accounting.alarm, $1::json);

-- change_alarms
-- Stores who cleared alarms, and why.
UPDATE accounting.alarm AS a SET cleared_at = n.cleared_at, cleared_by = n.cleared_by,
    reason = n.reason
FROM json_populate_recordset(NULL::accounting.alarm, $1::json) AS n WHERE a.alarm_no = n.alarm_no;

-- add_changes
-- Stores lines of the management history.
INSERT INTO accounting.account_change
SELECT * FROM json_populate_recordset(NULL::accounting.account_change, $1::json);

-- add_rates
-- Stores rates.
INSERT INTO accounting.rate
SELECT * FROM json_populate_recordset(NULL::accounting.rate, $1::json);

-- add_day_balances
-- Stores balances of a day's end; what stands there stays.
INSERT INTO accounting.balance_day
SELECT * FROM json_populate_recordset(NULL::accounting.balance_day, $1::json)
ON CONFLICT DO NOTHING;

-- add_day_collects
-- Stores what moved accounts on a day; what stands there stays.
INSERT INTO accounting.collect_day
SELECT * FROM json_populate_recordset(NULL::accounting.collect_day, $1::json)
ON CONFLICT DO NOTHING;

-- add_closed_days
-- Stores that days are closed.
INSERT INTO accounting.closed_day
SELECT * FROM json_populate_recordset(NULL::accounting.closed_day, $1::json)
ON CONFLICT DO NOTHING;
