-- How often each post was liked, reposted and answered: counted when asked, never stored.
-- Sub-selects rather than joins: three joins would multiply each other's rows, and a page of twenty posts
-- costs sixty index look-ups, however large the tables are.
-- There is no clock in a view: a reply counts until it is deleted, though nobody is shown it after it expired.

CREATE OR REPLACE VIEW activity_counts AS
SELECT
    a.uuid AS activity_uuid,
    (
        SELECT count(*) FROM likes AS l
        WHERE l.activity_uuid = a.uuid
    ) AS likes_count,
    (
        SELECT count(*) FROM reposts AS r
        WHERE r.activity_uuid = a.uuid
    ) AS reposts_count,
    (
        SELECT count(*) FROM activities AS reply
        WHERE reply.reply_to_activity_uuid = a.uuid
    ) AS replies_count
FROM activities AS a;

COMMENT ON VIEW activity_counts IS 'How often each post was liked, reposted and answered; one row a post.';
COMMENT ON COLUMN activity_counts.activity_uuid IS 'The post.';
COMMENT ON COLUMN activity_counts.likes_count IS 'How many people like it.';
COMMENT ON COLUMN activity_counts.reposts_count IS 'How many people passed it on.';
COMMENT ON COLUMN activity_counts.replies_count IS 'How many posts answer it directly, expired ones among them.';
