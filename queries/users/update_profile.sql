-- What a person says of themselves, all of it at once; bio may be NULL. The address and the moment of joining are not
-- theirs to choose. A handle that somebody else has, whatever its case, is refused (23505), and so is what the columns
-- do not allow (23514). A token without an account gives no row, which is an error.
-- returns: one
-- cache: bumps=users

UPDATE users
SET
    handle = %(handle)s,
    display_name = %(display_name)s,
    bio = %(bio)s
WHERE cognito_user_id = %(cognito_user_id)s
RETURNING uuid, handle, display_name, bio
