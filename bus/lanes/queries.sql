-- all_lanes
-- Every lane of an actor, as all its workers have to see it.
SELECT lane, state, closing_by, hold, held_until, reason
FROM bus.lane WHERE actor = $1 ORDER BY lane;

-- some_lanes
-- The same of a few lanes, of which something was heard.
SELECT lane, state, closing_by, hold, held_until, reason
FROM bus.lane WHERE actor = $1 AND lane = ANY($2::text[]) ORDER BY lane;

-- begin_opening
-- Says that lanes are about to have a queue: waits for whoever is just deleting one, and stops who
-- wants to.
INSERT INTO bus.lane (actor, lane, state) SELECT $1, unnest($2::text[]), 'opening'
ON CONFLICT (actor, lane) DO UPDATE
SET state = 'opening', closing_by = NULL, opened_at = now()
WHERE lane.state <> 'open'
RETURNING lane;

-- end_opening
-- Remembers that lanes have a queue, so that their owners serve them.
UPDATE bus.lane SET state = 'open', closing_by = NULL
WHERE actor = $1 AND lane = ANY($2::text[]) AND state <> 'open';

-- begin_closing
-- Says which worker is about to close lanes; those that are held stay.
UPDATE bus.lane SET state = 'closing', closing_by = $3
WHERE actor = $1 AND lane = ANY($2::text[]) AND state = 'open'
    AND (hold IS NULL OR held_until <= $4)
RETURNING lane;

-- lock_closing
-- Whether nobody has opened or held a lane since we began to close it; nobody can, from now on.
SELECT true FROM bus.lane
WHERE actor = $1 AND lane = $2 AND state = 'closing' AND closing_by = $3
    AND (hold IS NULL OR held_until <= $4)
FOR UPDATE;

-- end_closing
-- Forgets a lane whose queue is deleted.
DELETE FROM bus.lane WHERE actor = $1 AND lane = $2;

-- forget_closed
-- Forgets lanes that had no queue and are not held any more.
DELETE FROM bus.lane
WHERE actor = $1 AND state = 'closed' AND (hold IS NULL OR held_until <= $2);

-- lock_lanes
-- Lanes by actor and name, locked in that order.
SELECT actor, lane, state, closing_by, hold, held_until, reason FROM bus.lane
WHERE (actor, lane) IN (SELECT * FROM unnest($1::text[], $2::text[]))
ORDER BY actor, lane FOR UPDATE;

-- save_holds
-- Writes what holds lanes; one that has no queue yet gets a row all the same.
INSERT INTO bus.lane (actor, lane, state, hold, held_until, reason)
SELECT actor, lane, 'closed', hold, held_until, reason
FROM json_populate_recordset(NULL::bus.lane, $1)
ON CONFLICT (actor, lane) DO UPDATE
SET hold = excluded.hold, held_until = excluded.held_until, reason = excluded.reason;
