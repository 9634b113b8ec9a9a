-- Orders whose payer chooses how to pay.
-- depends: 0019_refunds_in_the_books

-- migrate: apply
ALTER TABLE ordering.payment
    ADD COLUMN rounds      text,  -- the payer's choices as JSON; NULL: the merchant has chosen
    ADD COLUMN return_url  text;  -- where the merchant wants the payer's browser afterwards

-- migrate: rollback
ALTER TABLE ordering.payment DROP COLUMN rounds, DROP COLUMN return_url;
