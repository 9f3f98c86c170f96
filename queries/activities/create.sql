-- Post something; expires_at may be NULL: it stays. Who writes is known by the sub claim of their Cognito token.
-- The row is what the page shows at once; a token without an account gives none, which is an error.
-- returns: one

INSERT INTO activities (user_uuid, message, expires_at)
SELECT
    u.uuid,
    %(message)s AS message,
    %(expires_at)s::timestamptz
FROM users AS u
WHERE u.cognito_user_id = %(cognito_user_id)s
RETURNING uuid, message, expires_at, created_at
