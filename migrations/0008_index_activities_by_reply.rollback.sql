-- Threads are found by reading the whole table again.

DROP INDEX CONCURRENTLY IF EXISTS activities_reply_to_activity_uuid_idx;
