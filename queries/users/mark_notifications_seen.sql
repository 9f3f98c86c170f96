-- The bell is quiet up to %(seen_at)s, which is created_at of the newest notification that the page has shown: not the
-- moment of this call, or what came in between would never be new. It does not go back: an older page, still open in
-- another tab, makes nothing new again. A token without an account gives no row, which is an error.
-- returns: one

UPDATE users
SET notifications_seen_at = greatest(notifications_seen_at, %(seen_at)s::timestamptz)
WHERE cognito_user_id = %(cognito_user_id)s
RETURNING notifications_seen_at
