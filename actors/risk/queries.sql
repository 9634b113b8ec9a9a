-- find_blocked
-- Which of these are on the blacklist, and why.
SELECT b.kind, b.value, b.reason FROM unnest($1::text[], $2::text[]) AS asked (kind, value)
JOIN risk.blocked AS b USING (value, kind);
