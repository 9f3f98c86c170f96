-- The key of the account behind a Cognito token, for what is stored beside this database, such as direct messages.
-- No account: an error, because whoever asks has signed in.
-- returns: value
-- plan: index_for=users buffers=4
-- cache: ttl=1h mode=strict reads=users

SELECT u.uuid
FROM users AS u
WHERE u.cognito_user_id = %(cognito_user_id)s
