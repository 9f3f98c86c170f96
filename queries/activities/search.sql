-- Posts and replies that have all the words asked for, newest first. %(words)s is typed as into any search engine:
-- "a phrase", either or other, -without. No words, or none but punctuation, find nothing.
-- Words are compared whole: no stemming, no accents dropped; capitals beyond ASCII count as small ones only where the
-- database's locale knows them. The condition repeats the expression of activities_message_words_idx to the letter, or
-- the index would not serve it.
-- Nobody is shown what has expired by the moment %(now)s. Its pages follow each other as those of activities.home do.
-- returns: many
-- plan: index_for=activities,users,likes,reposts buffers=140

SELECT
    a.uuid,
    a.reply_to_activity_uuid,
    u.handle,
    u.display_name,
    a.message,
    c.replies_count,
    c.reposts_count,
    c.likes_count,
    a.expires_at,
    a.created_at
FROM activities AS a
INNER JOIN users AS u ON a.user_uuid = u.uuid
INNER JOIN activity_counts AS c ON a.uuid = c.activity_uuid
WHERE
    to_tsvector('simple', a.message) @@ websearch_to_tsquery('simple', %(words)s)
    AND (a.expires_at IS NULL OR a.expires_at > %(now)s)
    AND (a.created_at, a.uuid) < (
        coalesce(%(before_created_at)s::timestamptz, 'infinity'),
        coalesce(%(before_uuid)s::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
    )
ORDER BY a.created_at DESC, a.uuid DESC
LIMIT %(page_size)s
