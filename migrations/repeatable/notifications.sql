-- What happened to whom: each row follows from a like, a repost, a reply or a follow, and goes when that goes.
-- Nobody is told of what they do to themselves.
-- Asked for one recipient, the condition reaches every branch: recipient_uuid is a plain column in each of them.

CREATE OR REPLACE VIEW notifications AS
SELECT
    a.user_uuid AS recipient_uuid,
    'like' AS kind,
    l.user_uuid AS actor_uuid,
    l.activity_uuid,
    l.created_at
FROM likes AS l
INNER JOIN activities AS a ON l.activity_uuid = a.uuid
WHERE l.user_uuid <> a.user_uuid
UNION ALL
SELECT
    a.user_uuid AS recipient_uuid,
    'repost' AS kind,
    r.user_uuid AS actor_uuid,
    r.activity_uuid,
    r.created_at
FROM reposts AS r
INNER JOIN activities AS a ON r.activity_uuid = a.uuid
WHERE r.user_uuid <> a.user_uuid
UNION ALL
SELECT
    a.user_uuid AS recipient_uuid,
    'reply' AS kind,
    reply.user_uuid AS actor_uuid,
    reply.uuid AS activity_uuid,
    reply.created_at
FROM activities AS reply
INNER JOIN activities AS a ON reply.reply_to_activity_uuid = a.uuid
WHERE reply.user_uuid <> a.user_uuid
UNION ALL
SELECT
    f.followed_uuid AS recipient_uuid,
    'follow' AS kind,
    f.follower_uuid AS actor_uuid,
    NULL::uuid AS activity_uuid,
    f.created_at
FROM follows AS f;

COMMENT ON VIEW notifications IS 'What happened to whom: likes, reposts, replies and follows by others.';
COMMENT ON COLUMN notifications.recipient_uuid IS 'Who is told.';
COMMENT ON COLUMN notifications.kind IS 'like, repost, reply or follow.';
COMMENT ON COLUMN notifications.actor_uuid IS 'Who did it; never the recipient.';
COMMENT ON COLUMN notifications.activity_uuid IS 'The post that is liked or reposted, or the reply; NULL: a follow.';
COMMENT ON COLUMN notifications.created_at IS 'When it happened.';
