-- How Cruddur grows: who joined, and how much was written, on each of the last %(days)s days that were over by the
-- moment %(now)s, the oldest first. A day of nothing has its row too.
-- Days are those of UTC and have 24 hours, whatever time zone the session is in. What was deleted since is not counted.
-- returns: many
-- plan: index_for=activities

SELECT
    (d.begins_at AT TIME ZONE 'UTC')::date AS utc_day,
    (
        SELECT count(*) FROM users AS u
        WHERE u.created_at >= d.begins_at AND u.created_at < d.begins_at + interval '24 hours'
    ) AS users_count,
    (
        SELECT count(*) FROM activities AS a
        WHERE a.created_at >= d.begins_at AND a.created_at < d.begins_at + interval '24 hours'
    ) AS activities_count
FROM
    generate_series(
        date_trunc('day', %(now)s::timestamptz, 'UTC') - %(days)s::integer * interval '24 hours',
        date_trunc('day', %(now)s::timestamptz, 'UTC') - interval '24 hours',
        interval '24 hours'
    ) AS d (begins_at)
ORDER BY d.begins_at
