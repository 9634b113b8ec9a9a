-- make_naive_tables
-- Empty tables of the reference; this one of the database's own statements makes them all.
DO $$
BEGIN
    DROP TABLE IF EXISTS naive_account, naive_booking, naive_entry;
    CREATE TABLE naive_account (
        account_id bigint PRIMARY KEY, balance_fen bigint NOT NULL
    ) WITH (fillfactor = 40);
    CREATE TABLE naive_booking (
        booking_id bigint PRIMARY KEY, booking_key text NOT NULL UNIQUE,
        amount_fen bigint NOT NULL, booked_at timestamptz NOT NULL DEFAULT now()
    );
    CREATE TABLE naive_entry (
        entry_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, booking_id bigint NOT NULL,
        account_id bigint NOT NULL, amount_fen bigint NOT NULL, balance_after_fen bigint NOT NULL
    );
    CREATE INDEX naive_entry_by_account ON naive_entry (account_id, entry_id);
END $$;

-- open_naive_accounts
-- The fee account, two accounts of each channel, and one of each merchant.
INSERT INTO naive_account
SELECT id, 0 FROM (
    SELECT 1 UNION ALL SELECT generate_series(10, 9 + $1::integer)
    UNION ALL SELECT generate_series($2::integer, $3::integer)
) AS opened (id);

-- lock_naive_accounts
-- The accounts of one booking, locked in order.
SELECT account_id, balance_fen FROM naive_account WHERE account_id = ANY($1::bigint[])
ORDER BY account_id FOR UPDATE;

-- add_naive_booking
-- The booking.
INSERT INTO naive_booking (booking_id, booking_key, amount_fen) VALUES ($1, $2, $3);

-- add_naive_entries
-- Its entries.
INSERT INTO naive_entry (booking_id, account_id, amount_fen, balance_after_fen)
SELECT $1, * FROM unnest($2::bigint[], $3::bigint[], $4::bigint[]);

-- move_naive_accounts
-- The balances that follow.
UPDATE naive_account AS a SET balance_fen = n.balance_fen
FROM unnest($1::bigint[], $2::bigint[]) AS n (account_id, balance_fen)
WHERE a.account_id = n.account_id;

-- wal_bytes
-- How much has been written to the write-ahead log so far.
SELECT pg_current_wal_lsn() - '0/0'::pg_lsn;

-- booked
-- How many bookings there are, by the batches that hold them.
SELECT coalesce(sum(bookings), 0)::bigint FROM accounting.batch;

-- lease
-- Who holds a lease, and under which epoch.
SELECT holder, epoch FROM bus.lease WHERE name = $1 AND expires_at > clock_timestamp();

-- has_later_epoch
-- Whether anything has been booked under a later epoch.
SELECT EXISTS (SELECT FROM accounting.batch WHERE epoch > $1);

-- bookings
-- Every booking with its gross amount.
SELECT booking_key, amount_fen FROM accounting.booking;

-- balances
-- Each owner's balance as it is kept, in whatever shards, and as its entries add up to.
SELECT a.role || '.' || a.kind AS kind, a.owner, sum(a.balance_fen)::bigint AS balance_fen,
    coalesce(sum(e.posted_fen), 0)::bigint AS posted_fen
FROM accounting.account AS a LEFT JOIN (
    SELECT account_id, sum(amount_fen) AS posted_fen FROM accounting.entry GROUP BY account_id
) AS e USING (account_id)
GROUP BY a.role, a.kind, a.owner;

-- unbalanced
-- Bookings that have not four entries, or whose entries do not sum to zero.
SELECT b.booking_key, count(e.amount_fen) AS entries, coalesce(sum(e.amount_fen), 0)::bigint AS sum_fen
FROM accounting.booking AS b LEFT JOIN accounting.entry AS e USING (booking_id)
GROUP BY b.booking_id
HAVING count(e.amount_fen) <> 4 OR sum(e.amount_fen) <> 0;

-- broken_folds
-- Entries that do not follow the one before them: in serial, balance or time.
SELECT account_id, serial FROM (
    SELECT account_id, serial, booked_at, balance_after_fen - amount_fen AS balance_before_fen,
        lag(serial, 1, 0::bigint) OVER by_account AS last,
        lag(balance_after_fen, 1, 0::bigint) OVER by_account AS stood_fen,
        lag(booked_at, 1, booked_at) OVER by_account AS before
    FROM accounting.entry WINDOW by_account AS (PARTITION BY account_id ORDER BY serial)
) AS e
WHERE serial <> last + 1 OR balance_before_fen <> stood_fen OR booked_at < before;

-- open_accounts
-- The accounts of a made history: merchants, channels with their cost, and our fees.
INSERT INTO accounting.account
    (account_no, role, kind, owner, currency, floor_fen, opened_at, moved_at)
SELECT code || lpad((row_number() OVER ())::text, 19, '0'), role, kind, owner, 'CNY', floor_fen, $3, $3
FROM (
    SELECT '40', 'platform', 'fee_income', 'platform', NULL::bigint
    UNION ALL
    SELECT k.code, 'channel', k.kind, 'bench_' || n, NULL
    FROM (VALUES ('30', 'clearing'), ('31', 'cost')) AS k (code, kind)
    CROSS JOIN generate_series(0, $2::integer - 1) AS n
    UNION ALL
    SELECT '10', 'merchant', 'payable', (1025112000000 + n)::text, 0
    FROM generate_series(0, $1::integer - 1) AS n
) AS opened (code, role, kind, owner, floor_fen);

-- make_bookings
-- Trades by number, below zero because no batch holds them.
INSERT INTO accounting.booking
SELECT -1 - n, 'trade:made_' || n, 'trade', 'made_' || n, (1025112000000 + n % 1000)::text,
    'bench_' || n % 5, 'platform', $3::bigint, $4::bigint, '', $5::timestamptz + n * $6::interval
FROM generate_series($1::bigint, $2::bigint) AS n;

-- make_entries
-- Their entries. All trades are alike, so that serials and balances follow from their numbers.
INSERT INTO accounting.entry (booking_id, account_id, serial, amount_fen, balance_after_fen,
    booked_at, kind, currency, fee_fen)
SELECT -1 - n, a.account_id, e.serial, e.amount_fen, e.amount_fen * e.serial,
    $8::timestamptz + n * $9::interval, 'trade', 'CNY', e.fee_fen
FROM generate_series($1::bigint, $2::bigint) AS n
CROSS JOIN LATERAL (VALUES
    ('channel', 'clearing', 'bench_' || n % $4, n / $4 + 1, $7::bigint - $5::bigint, NULL::bigint),
    ('channel', 'cost', 'bench_' || n % $4, n / $4 + 1, -$7, NULL),
    ('merchant', 'payable', (1025112000000 + n % $3)::text, n / $3 + 1, $5 - $6::bigint, $6),
    ('platform', 'fee_income', 'platform', n + 1, $6, NULL)
) AS e (role, kind, owner, serial, amount_fen, fee_fen)
JOIN accounting.account AS a USING (role, kind, owner);

-- stand_where_entries_end
-- Has accounts stand where their newest entries leave them.
UPDATE accounting.account AS a SET serial = e.serial, balance_fen = e.balance_after_fen,
    out_of_reserve_fen = CASE a.kind WHEN 'payable' THEN e.balance_after_fen ELSE 0 END,
    moved_at = e.booked_at
FROM (
    SELECT DISTINCT ON (account_id) * FROM accounting.entry ORDER BY account_id, serial DESC
) AS e
WHERE a.account_id = e.account_id;

-- longest_accounts
-- Accounts with how many entries they have, the hot one first.
SELECT account_id, serial FROM accounting.account ORDER BY serial DESC, account_id;

-- sums
-- What all entries and all balances add up to.
SELECT (SELECT count(*) FROM accounting.entry) AS entries,
    (SELECT sum(amount_fen) FROM accounting.entry)::bigint AS of_entries,
    (SELECT sum(balance_fen) FROM accounting.account)::bigint AS of_balances;
