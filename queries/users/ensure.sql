-- The account behind a Cognito user, made on the first call: what the post-confirmation trigger runs.
--
-- Cognito fires that trigger again whenever a forgotten password is confirmed, and may fire it twice at once. So a
-- second call is no error and makes no second account. It takes over the address, which Cognito has confirmed, and
-- leaves alone what the person has since chosen on the profile: handle and display name.
-- A handle or an address that somebody else has is refused (23505).
-- returns: one

INSERT INTO users (cognito_user_id, handle, email, display_name)
VALUES (%(cognito_user_id)s, %(handle)s, %(email)s, %(display_name)s)
ON CONFLICT (cognito_user_id) DO UPDATE SET email = excluded.email
RETURNING uuid, handle, email, display_name, created_at
