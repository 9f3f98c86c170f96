-- There is no way to "unvalidate": the constraints are made again as 0006 made them.

ALTER TABLE activities DROP CONSTRAINT activities_reply_to_activity_uuid_fkey;
ALTER TABLE activities ADD CONSTRAINT activities_reply_to_activity_uuid_fkey
FOREIGN KEY (reply_to_activity_uuid) REFERENCES activities (uuid) ON DELETE SET NULL NOT VALID;
ALTER TABLE activities DROP CONSTRAINT activities_reply_not_to_itself_check;
ALTER TABLE activities ADD CONSTRAINT activities_reply_not_to_itself_check
CHECK (reply_to_activity_uuid <> uuid) NOT VALID;
