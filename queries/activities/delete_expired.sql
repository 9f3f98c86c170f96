-- The broom: deletes what has expired by the moment %(now)s, and gives how many posts that were. The nightly job calls
-- it until it gives 0; at most %(batch_size)s go at once, so that no call locks much, or for long. What another run of
-- the job is about to delete is left to that one.
-- MATERIALIZED: chosen once. Otherwise nothing forbids the planner to choose, up to the LIMIT, again for every row.
-- returns: affected
-- plan: index_for=activities

WITH expired AS MATERIALIZED (
    SELECT a.uuid FROM activities AS a
    WHERE a.expires_at <= %(now)s
    ORDER BY a.expires_at ASC, a.uuid ASC
    LIMIT %(batch_size)s
    FOR UPDATE SKIP LOCKED
)

DELETE FROM activities AS a
USING expired
WHERE a.uuid = expired.uuid
