-- What happened to a person, newest first: who liked, reposted, answered or followed. `message` is of the post that
-- was liked or reposted, or the reply itself; NULL: a follow. `is_new`: they have not looked since.
-- Nobody is told of a post that has expired by the moment %(now)s.
-- Who asks is known by the sub claim of their Cognito token: nobody reads the notifications of others.
-- The key comes from a sub-select, not from a join: only so does each part of the view look it up in its index.
-- returns: many
-- plan: index_for=activities,users,likes,reposts,follows buffers=550

SELECT
    n.kind,
    actor.handle AS actor_handle,
    actor.display_name AS actor_display_name,
    n.activity_uuid,
    a.message,
    n.created_at,
    (n.created_at <= recipient.notifications_seen_at) IS NOT TRUE AS is_new
FROM notifications AS n
INNER JOIN users AS recipient ON n.recipient_uuid = recipient.uuid
INNER JOIN users AS actor ON n.actor_uuid = actor.uuid
LEFT JOIN activities AS a ON n.activity_uuid = a.uuid
WHERE
    n.recipient_uuid = (
        SELECT u.uuid FROM users AS u
        WHERE u.cognito_user_id = %(cognito_user_id)s
    )
    AND (a.expires_at IS NULL OR a.expires_at > %(now)s)
ORDER BY n.created_at DESC, n.kind ASC, actor.uuid ASC, n.activity_uuid ASC
LIMIT %(page_size)s
