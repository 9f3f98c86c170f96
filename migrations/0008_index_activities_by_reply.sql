-- The replies to one post, oldest first: for a thread, for counting, and for the foreign key of 0006.
-- Built CONCURRENTLY, because people are posting meanwhile.
-- depends: 0007_validate_reply_to_activities
-- transactional: false

CREATE INDEX CONCURRENTLY IF NOT EXISTS activities_reply_to_activity_uuid_idx
ON activities (reply_to_activity_uuid, created_at, uuid);
