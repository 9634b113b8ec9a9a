-- How a payer can pay is more than a code to scan, and a notice is not always UTF-8.
-- depends: 0011_channel_cost

-- migrate: apply
ALTER TABLE ordering.payment ADD COLUMN offer text;  -- an Offer as JSON
ALTER TABLE channels.attempt ADD COLUMN offer text;
UPDATE ordering.payment SET offer = json_build_object('kind', 'qr_code', 'url', code_url)::text
WHERE code_url IS NOT NULL;
UPDATE channels.attempt SET offer = json_build_object('kind', 'qr_code', 'url', code_url)::text
WHERE code_url IS NOT NULL;
ALTER TABLE ordering.payment DROP COLUMN code_url;
ALTER TABLE channels.attempt DROP COLUMN code_url;

ALTER TABLE channels.notice ADD COLUMN encoding text NOT NULL DEFAULT 'utf-8'
    CHECK (encoding IN ('utf-8', 'base64'));

-- migrate: rollback
ALTER TABLE channels.notice DROP COLUMN encoding;
ALTER TABLE ordering.payment ADD COLUMN code_url text;
ALTER TABLE channels.attempt ADD COLUMN code_url text;
UPDATE ordering.payment SET code_url = offer::json ->> 'url'
WHERE offer::json ->> 'kind' = 'qr_code';
UPDATE channels.attempt SET code_url = offer::json ->> 'url'
WHERE offer::json ->> 'kind' = 'qr_code';
ALTER TABLE ordering.payment DROP COLUMN offer;
ALTER TABLE channels.attempt DROP COLUMN offer;
