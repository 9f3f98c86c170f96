-- Replies become ordinary posts.
-- The views that read this column are repeatables. pgproof has taken them away by now; stock yoyo does not know them.

DROP VIEW IF EXISTS activity_counts, notifications;
ALTER TABLE activities DROP COLUMN reply_to_activity_uuid;
COMMENT ON TABLE activities IS 'Posts.';
