-- An attempt may wait in its channel's lane: nothing was sent to the channel yet.
-- depends: 0018_life_of_a_payment

-- migrate: apply
ALTER TABLE channels.attempt
    DROP CONSTRAINT attempt_state_check,
    ADD CONSTRAINT attempt_state_check CHECK (state IN (
        'opened', 'waiting', 'pending', 'unknown', 'closing', 'succeeded', 'failed', 'closed'));

-- migrate: rollback
UPDATE channels.attempt SET state = 'opened' WHERE state = 'waiting';
ALTER TABLE channels.attempt
    DROP CONSTRAINT attempt_state_check,
    ADD CONSTRAINT attempt_state_check CHECK (state IN (
        'opened', 'pending', 'unknown', 'closing', 'succeeded', 'failed', 'closed'));
