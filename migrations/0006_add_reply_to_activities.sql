-- A post may answer another one.
--
-- Dependencies   uuid -> reply_to_activity_uuid, beside the ones of 0002
-- Normal form    still third: a stored root of the thread would depend on the parent, not on the key, so it is
--                found by walking up.
--
-- A reply outlives what it answers, as a post of its own (ON DELETE SET NULL): deleting one's own words must
-- not delete other people's. Circles longer than a post that answers itself would need an UPDATE of this column,
-- which nothing does.
-- NOT VALID, because checking the rows here would lock readers out meanwhile; 0007 checks them.
-- depends: 0005_create_follows

ALTER TABLE activities ADD COLUMN reply_to_activity_uuid uuid;
-- allow: PG105 because 0008 builds the index of this key beside the writers, outside a transaction.
ALTER TABLE activities ADD CONSTRAINT activities_reply_to_activity_uuid_fkey
FOREIGN KEY (reply_to_activity_uuid) REFERENCES activities (uuid) ON DELETE SET NULL NOT VALID;
ALTER TABLE activities ADD CONSTRAINT activities_reply_not_to_itself_check
CHECK (reply_to_activity_uuid <> uuid) NOT VALID;

COMMENT ON TABLE activities IS 'Posts, and the replies to them.';
COMMENT ON COLUMN activities.reply_to_activity_uuid IS 'The post it answers; NULL: none, or it was deleted.';
