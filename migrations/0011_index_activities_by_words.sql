-- Search in messages.
-- An index over an expression, not a column: the words follow from the message, so the table does not hold them too.
-- Configuration "simple", because people write in many languages: no stemming, no stop words. Chinese and Japanese
-- text is found by a whole run of characters only, as it has no spaces to split at.
-- A query must use the same expression for the index to serve it.
-- depends: 0010_validate_bio_of_users
-- transactional: false

CREATE INDEX CONCURRENTLY IF NOT EXISTS activities_message_words_idx
ON activities USING gin (to_tsvector('simple', message));
