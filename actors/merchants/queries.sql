-- next_merchant_serial
-- The last seven digits of a new merchant number.
SELECT nextval('merchants.merchant_no_seq');

-- add_profile
-- Stores the first version of a profile; no row comes back if the number is taken.
INSERT INTO directory.profile (kind, number, version, document) VALUES ($1, $2, 1, $3)
ON CONFLICT DO NOTHING
RETURNING number;

-- find_profile
-- One profile as it is now.
SELECT document FROM directory.profile WHERE kind = $1 AND number = $2;

-- lock_profile
-- One profile, held until the transaction ends, so that changes of it follow one another.
SELECT document FROM directory.profile WHERE kind = $1 AND number = $2 FOR UPDATE;

-- save_profile
-- The next version of a profile.
UPDATE directory.profile SET version = $3, document = $4, updated_at = now()
WHERE kind = $1 AND number = $2;

-- list_profiles
-- A page of profiles in order of their numbers, after a given one.
SELECT document FROM directory.profile
WHERE kind = $1 AND number > $2 ORDER BY number LIMIT $3;

-- offered
-- The pay types that each channel offers.
SELECT number, document -> 'pay_types' AS pay_types FROM directory.profile WHERE kind = 'channel';

-- remember_change
-- History: who did what, and the document after it.
INSERT INTO merchants.change (kind, number, version, what, operator, document)
VALUES ($1, $2, $3, $4, $5, $6);

-- block
-- Puts a merchant, payer or address on the blacklist; the newest reason counts.
INSERT INTO risk.blocked (kind, value, reason, operator) VALUES ($1, $2, $3, $4)
ON CONFLICT (value, kind) DO UPDATE
SET reason = excluded.reason, operator = excluded.operator, blocked_at = now();

-- unblock
-- Takes something off the blacklist; no row comes back if it was not there.
DELETE FROM risk.blocked WHERE kind = $1 AND value = $2 RETURNING value;

-- list_blocked
-- The newest part of the blacklist.
SELECT kind, value, reason, operator, blocked_at FROM risk.blocked
ORDER BY blocked_at DESC, kind, value LIMIT $1;
