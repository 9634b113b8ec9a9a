-- find_settled
-- Which of these messages an actor has settled before, with the effects that it drew from them.
SELECT message_id, effects FROM bus.inbox WHERE actor = $1 AND message_id = ANY($2::uuid[]);

-- settle
-- Remembers settled messages with their effects; a message that another worker settled is left out.
INSERT INTO bus.inbox (actor, message_id, effects)
SELECT $1, * FROM unnest($2::uuid[], $3::bytea[])
ON CONFLICT DO NOTHING
RETURNING message_id;

-- trim_inbox
-- Forgets messages settled so long ago that no redelivery can come any more.
DELETE FROM bus.inbox WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM bus.inbox WHERE settled_at < $1 LIMIT $2
));

-- set_timers
-- Has events published at a later time; a timer that is set already is left as it is.
INSERT INTO bus.timer (id, due_at, exchange, key, mandatory, event)
SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::bool[], $6::bytea[])
ON CONFLICT DO NOTHING;

-- is_timer_due
-- Whether there is anything to fire, which most of the time there is not.
SELECT EXISTS (SELECT FROM bus.timer WHERE due_at <= $1);

-- due_timers
-- Takes timers whose time has come; others that fire timers pass over them.
SELECT id, exchange, key, mandatory, event FROM bus.timer
WHERE due_at <= $1 ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED;

-- drop_timers
-- Forgets timers whose event is published.
DELETE FROM bus.timer WHERE id = ANY($1::uuid[]);

-- find_profiles
-- Profiles of merchants or channels by number.
SELECT number, document FROM directory.profile WHERE kind = $1 AND number = ANY($2::text[]);

-- is_lease_free
-- Whether nobody holds a lease; to look does not wait for its holder's transactions.
SELECT NOT EXISTS (SELECT FROM bus.lease WHERE name = $1 AND expires_at > clock_timestamp());

-- evict
-- Ends transactions that the last holder of a lease, who may be paused or cut off, has left open.
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = $1;

-- take_lease
-- Takes a lease that nobody holds, under a new epoch; no row: another was faster.
INSERT INTO bus.lease AS free (name, holder, epoch, expires_at)
VALUES ($1, $2, 1, clock_timestamp() + $3::interval)
ON CONFLICT (name) DO UPDATE SET
    holder = $2, epoch = free.epoch + 1, expires_at = clock_timestamp() + $3, is_wanted = false
WHERE free.expires_at <= clock_timestamp()
RETURNING epoch;

-- renew_lease
-- Keeps a lease for another while, and tells whether someone asks for it; no row: it was taken.
UPDATE bus.lease SET expires_at = clock_timestamp() + $4::interval
WHERE name = $1 AND holder = $2 AND epoch = $3
RETURNING is_wanted;

-- release_lease
-- Gives a lease back, so that another need not wait until it expires.
UPDATE bus.lease SET holder = NULL, expires_at = clock_timestamp(), is_wanted = false
WHERE name = $1 AND holder = $2;

-- fence
-- Locks our lease for this transaction, which has to go on within so long; no row: it was taken.
SELECT set_config('idle_in_transaction_session_timeout', $4, true),
       set_config('application_name', $5, true)
FROM bus.lease WHERE name = $1 AND holder = $2 AND epoch = $3
FOR KEY SHARE;

-- ask_for_leases
-- Asks whoever holds most of these leases for some, where that is at least two more than we hold.
WITH held AS (
    SELECT holder, count(*) AS leases FROM bus.lease
    WHERE name = ANY($1::text[]) AND expires_at > clock_timestamp() GROUP BY holder
), richest AS (
    SELECT holder, leases - coalesce((SELECT leases FROM held WHERE holder = $2), 0) AS more
    FROM held ORDER BY leases DESC, holder LIMIT 1
)
UPDATE bus.lease SET is_wanted = true WHERE name IN (
    SELECT name FROM bus.lease JOIN richest USING (holder)
    WHERE name = ANY($1) AND more >= 2 ORDER BY name LIMIT (SELECT more / 2 FROM richest)
)
RETURNING name;

-- record_queues
-- Remembers that these shards have queues of their own, before there is anything in them.
INSERT INTO bus.lease AS known (name, epoch, expires_at, has_queue)
SELECT name, 0, clock_timestamp(), true FROM unnest($1::text[]) AS name
ON CONFLICT (name) DO UPDATE SET has_queue = true WHERE NOT known.has_queue;

-- recorded_queues
-- The queues of all shards that an actor has ever had; its name comes with a dot.
SELECT name FROM bus.lease WHERE has_queue AND starts_with(name, $1) ORDER BY name;
