-- Lanes close again, and can be held.
-- depends: 0001_bus

-- migrate: apply

-- A row of bus.lane now says where a lane stands, and what holds it.
ALTER TABLE bus.lane
    ADD COLUMN state      text NOT NULL DEFAULT 'open'
        CHECK (state IN ('opening', 'open', 'closing', 'closed')),  -- closed: held without a queue
    ADD COLUMN closing_by text,                          -- the worker that may delete its queue
    ADD COLUMN hold       text CHECK (hold IN ('paused', 'draining')),
    ADD COLUMN held_until timestamptz,                   -- NULL: until somebody resumes it
    ADD COLUMN reason     text,
    ADD CONSTRAINT lane_closing CHECK ((state = 'closing') = (closing_by IS NOT NULL)),
    ADD CONSTRAINT lane_hold CHECK (hold IS NOT NULL OR (held_until IS NULL AND reason IS NULL));

-- migrate: rollback

DELETE FROM bus.lane WHERE state IN ('opening', 'closed');
ALTER TABLE bus.lane
    DROP COLUMN state,
    DROP COLUMN closing_by,
    DROP COLUMN hold,
    DROP COLUMN held_until,
    DROP COLUMN reason;
