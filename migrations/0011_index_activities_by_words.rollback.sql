-- Searching reads the whole table again.

DROP INDEX CONCURRENTLY IF EXISTS activities_message_words_idx;
