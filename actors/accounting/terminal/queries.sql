-- find_account
-- An account with all that is kept of it, as its entries have it.
SELECT a.account_no, a.role, a.kind, a.owner, a.currency, a.bucket, a.state, a.booking_mode,
    a.floor_fen, a.ceiling_fen, a.reserve_days, a.refund_fee_policy, s.standing_fen AS balance_fen,
    s.newest_serial AS serial, greatest(a.out_of_reserve_fen, 0) AS out_of_reserve_fen, a.reserved_on, a.opened_at, a.moved_at,
    y.balance_fen AS last_closed_fen, y.day AS last_closed_on
FROM accounting.account AS a JOIN accounting.standing AS s USING (account_id)
LEFT JOIN LATERAL (
    SELECT day, balance_fen FROM accounting.balance_day
    WHERE account_id = a.account_id ORDER BY day DESC LIMIT 1
) AS y ON true
WHERE a.account_no = $1;

-- list_accounts
-- A page of accounts by number, of one owner, role, kind or state where they are named.
SELECT account_no, role, kind, owner, currency, bucket, state, standing_fen AS balance_fen,
    greatest(out_of_reserve_fen, 0) AS out_of_reserve_fen FROM accounting.standing
WHERE account_no > $1 AND ($2::text IS NULL OR owner = $2) AND ($3::text IS NULL OR role = $3)
    AND ($4::text IS NULL OR kind = $4) AND ($5::text IS NULL OR state = $5)
ORDER BY account_no LIMIT $6;

-- history
-- What was done to an account, newest first.
SELECT c.changed_at, c.what, c.before, c.after, c.operator, c.reason, c.change_no
FROM accounting.account_change AS c JOIN accounting.account AS a USING (account_id)
WHERE a.account_no = $1 ORDER BY c.changed_at DESC LIMIT $2;

-- beside
-- The balances of an owner's accounts beside one of them, by kind.
SELECT s.kind, sum(s.standing_fen)::bigint AS balance_fen
FROM accounting.account AS a JOIN accounting.standing AS s USING (role, owner, currency)
WHERE a.account_no = $1 AND s.account_id <> a.account_id GROUP BY s.kind ORDER BY s.kind;

-- balance_before
-- The balance of an account at a moment in the past.
SELECT a.currency, n.serial, coalesce(e.balance_after_fen, 0) AS balance_fen
FROM accounting.account AS a
CROSS JOIN LATERAL accounting.serial_before(a.account_id, $2) AS n (serial)
LEFT JOIN accounting.entry AS e ON e.account_id = a.account_id AND e.serial = n.serial
WHERE a.account_no = $1;

-- entries_after
-- A page of an account's entries after a serial, with their bookings.
SELECT e.serial, e.booked_at, e.kind, b.booking_key, b.subject, e.amount_fen, e.balance_after_fen,
    e.fee_fen, e.rate_ppm, e.rate_no, e.booking_id
FROM accounting.account AS a JOIN accounting.entry AS e USING (account_id)
LEFT JOIN accounting.booking AS b USING (booking_id)
WHERE a.account_no = $1 AND e.serial > $2 AND e.serial <= $3 ORDER BY e.serial LIMIT $4;

-- serials_of_day
-- Between which serials the entries of an account lie that were booked from one moment to another.
SELECT accounting.serial_before(account_id, $2) AS before,
    accounting.serial_before(account_id, $3) AS last
FROM accounting.account WHERE account_no = $1;

-- list_holds
-- What is set aside, newest first; of one owner where he is named, or also what has ended.
SELECT hold_no, role, owner, currency, amount_fen, remaining_fen, placed_at, expires_at, operator,
    reason FROM accounting.hold
WHERE ($1::text IS NULL OR owner = $1) AND (remaining_fen > 0 OR $2)
ORDER BY placed_at DESC LIMIT $3;

-- list_rates
-- The rates of an account: those that hold, held, and will hold.
SELECT r.kind, r.pay_type, r.effective_at, r.plan, r.rate_no, r.operator, r.reason, r.set_at
FROM accounting.rate AS r JOIN accounting.account AS a USING (account_id)
WHERE a.account_no = $1 ORDER BY r.kind, r.pay_type, r.effective_at DESC, r.set_at DESC LIMIT $2;

-- list_adjustments
-- Adjustments, newest first; those that wait for a decision, or all.
SELECT j.adjustment_no, j.state, d.account_no AS debit_account_no,
    c.account_no AS credit_account_no, j.amount_fen, j.maker, j.checker, j.reason, j.proposed_at
FROM accounting.adjustment AS j
LEFT JOIN accounting.account AS d ON d.account_id = j.debit_account_id
LEFT JOIN accounting.account AS c ON c.account_id = j.credit_account_id
WHERE j.state = 'proposed' OR $1 ORDER BY j.proposed_at DESC LIMIT $2;

-- list_alarms
-- Alarms, newest first; those that are open, or all.
SELECT alarm_no, check_name, role, owner, account_no, detail, raised_at, cleared_at, cleared_by,
    reason FROM accounting.alarm
WHERE cleared_at IS NULL OR $1 ORDER BY raised_at DESC LIMIT $2;

-- list_days
-- The newest closed days, with how many accounts had moved.
SELECT d.day, d.closed_at, (
    SELECT count(*) FROM accounting.balance_day AS b WHERE b.day = d.day
) AS accounts_moved
FROM accounting.closed_day AS d ORDER BY d.day DESC LIMIT $1;
