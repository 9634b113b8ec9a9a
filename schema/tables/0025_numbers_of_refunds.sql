-- A refund whose number is spent at its channel is asked for under a new one.
-- depends: 0024_mispaid_attempts

-- migrate: apply
ALTER TABLE channels.repayment
    ADD COLUMN numbers         smallint NOT NULL DEFAULT 1  -- how many it was given, the last counts
        CHECK (numbers BETWEEN 1 AND 9),
    ADD COLUMN number_is_spent boolean  NOT NULL DEFAULT false,
    ADD COLUMN repaid_ordinal  smallint                     -- of the number that the payer has it by
        CHECK (repaid_ordinal BETWEEN 1 AND numbers);

-- The state of WeChat Pay, and of nobody else; before a number is given up it is asked about.
UPDATE channels.repayment SET number_is_spent = true
WHERE state = 'failed' AND channel_code = 'CLOSED';

-- migrate: rollback
ALTER TABLE channels.repayment
    DROP COLUMN numbers, DROP COLUMN number_is_spent, DROP COLUMN repaid_ordinal;
