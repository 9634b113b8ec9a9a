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
