-- open_accounts
-- Makes accounts on first use.
INSERT INTO accounting.account (account_id, kind, owner, currency)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
ON CONFLICT DO NOTHING;

-- lock_accounts
-- Accounts by id, locked in the order of their ids so that two batches can't deadlock.
SELECT account_id, kind, owner, currency, balance_fen, serial FROM accounting.account
WHERE account_id = ANY($1::text[]) ORDER BY account_id FOR UPDATE;

-- find_bookings
-- Which of these keys are booked already.
SELECT booking_key FROM accounting.booking WHERE booking_key = ANY($1::text[]);

-- add_bookings
-- Stores bookings, in key order; a key that exists fails the whole batch.
INSERT INTO accounting.booking
SELECT * FROM json_populate_recordset(NULL::accounting.booking, $1::json) ORDER BY booking_key;

-- add_entries
-- Stores entries; the table's trigger refuses bookings that do not sum to zero.
INSERT INTO accounting.entry
SELECT * FROM json_populate_recordset(NULL::accounting.entry, $1::json);

-- move_accounts
-- Sets balances, each only from the serial that it was computed from.
UPDATE accounting.account AS a SET balance_fen = n.balance_fen, serial = n.serial
FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[])
    AS n (account_id, balance_fen, serial, serial_before)
WHERE a.account_id = n.account_id AND a.serial = n.serial_before
RETURNING a.account_id;
