-- How much each person writes, reads and is read: counted when asked, never stored.

CREATE OR REPLACE VIEW user_counts AS
SELECT
    u.uuid AS user_uuid,
    (
        SELECT count(*) FROM activities AS a
        WHERE a.user_uuid = u.uuid
    ) AS activities_count,
    (
        SELECT count(*) FROM follows AS f
        WHERE f.followed_uuid = u.uuid
    ) AS followers_count,
    (
        SELECT count(*) FROM follows AS f
        WHERE f.follower_uuid = u.uuid
    ) AS following_count
FROM users AS u;

COMMENT ON VIEW user_counts IS 'How much each person writes, reads and is read; one row a person.';
COMMENT ON COLUMN user_counts.user_uuid IS 'The person.';
COMMENT ON COLUMN user_counts.activities_count IS 'How many posts and replies they wrote, expired ones among them.';
COMMENT ON COLUMN user_counts.followers_count IS 'How many people read them.';
COMMENT ON COLUMN user_counts.following_count IS 'How many people they read.';
