-- What a channel has said of other money than was asked for, until it takes that back.
-- depends: 0023_waiting_attempts

-- migrate: apply
ALTER TABLE channels.attempt ADD COLUMN mispaid text;  -- Mispaid as JSON; NULL: nothing was said

-- migrate: rollback
ALTER TABLE channels.attempt DROP COLUMN mispaid;
