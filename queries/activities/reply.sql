-- Answer a post; expires_at may be NULL: it stays. Who writes is known by the sub claim of their Cognito token.
-- A post that was deleted meanwhile cannot be answered (23503). One that has expired meanwhile can, until it is
-- deleted: the answer outlives it either way. A token without an account, or nothing to answer, gives no row, which is
-- an error.
-- returns: one

INSERT INTO activities (user_uuid, reply_to_activity_uuid, message, expires_at)
SELECT
    u.uuid,
    %(reply_to_activity_uuid)s::uuid,
    %(message)s AS message,
    %(expires_at)s::timestamptz
FROM users AS u
WHERE u.cognito_user_id = %(cognito_user_id)s AND %(reply_to_activity_uuid)s::uuid IS NOT NULL
RETURNING uuid, reply_to_activity_uuid, message, expires_at, created_at
