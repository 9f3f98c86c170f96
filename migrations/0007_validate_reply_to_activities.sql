-- Hold the rows that were there before 0006 to its two constraints, while people read and write.
-- depends: 0006_add_reply_to_activities

ALTER TABLE activities VALIDATE CONSTRAINT activities_reply_to_activity_uuid_fkey;
ALTER TABLE activities VALIDATE CONSTRAINT activities_reply_not_to_itself_check;
