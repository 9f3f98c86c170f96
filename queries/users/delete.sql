-- Leave: 1, or 0 where there is no such account. All that the person wrote, liked, reposted and followed goes too; what
-- others answered stays, as posts of their own.
-- returns: affected
-- cache: bumps=activities,follows,likes,reposts,users

DELETE FROM users
WHERE cognito_user_id = %(cognito_user_id)s
