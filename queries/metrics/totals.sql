-- How large Cruddur is: what there is now, posts that have expired and wait for the broom among them.
-- returns: one
-- cache: ttl=5min mode=bounded lag=10s reads=activities,follows,likes,reposts,users

SELECT
    (SELECT count(*) FROM users) AS users_count,
    (SELECT count(*) FROM activities) AS activities_count,
    (SELECT count(*) FROM likes) AS likes_count,
    (SELECT count(*) FROM reposts) AS reposts_count,
    (SELECT count(*) FROM follows) AS follows_count
