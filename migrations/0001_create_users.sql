-- Who writes and reads: one row for each account that Cognito has confirmed.
--
-- Keys           uuid; handle; email; cognito_user_id
-- Dependencies   each key -> display_name, created_at and the other keys
-- Normal form    third (and Boyce-Codd): nothing but a key determines anything. How many posts or followers
--                somebody has is not here; view user_counts derives it.
--
-- Handle and email are unique whatever their case, because people type them either way. A handle is plain ASCII
-- in collation "C", so that lower(handle) gives the same on every server and in every locale.

CREATE TABLE users (
    uuid uuid DEFAULT gen_random_uuid() NOT NULL,
    handle text COLLATE "C" NOT NULL,
    email text NOT NULL,
    cognito_user_id text NOT NULL,
    display_name text NOT NULL,
    created_at timestamptz DEFAULT current_timestamp NOT NULL,
    CONSTRAINT users_pkey PRIMARY KEY (uuid),
    CONSTRAINT users_cognito_user_id_key UNIQUE (cognito_user_id),
    CONSTRAINT users_handle_format_check CHECK (handle ~ '^[A-Za-z0-9_]{1,30}$'),
    CONSTRAINT users_email_format_check CHECK (email ~ '^[^@\s]+@[^@\s]+$'),
    CONSTRAINT users_cognito_user_id_not_empty_check CHECK (cognito_user_id <> ''),
    CONSTRAINT users_display_name_length_check CHECK (char_length(display_name) BETWEEN 1 AND 50)
);

CREATE UNIQUE INDEX users_handle_key ON users (lower(handle));
CREATE UNIQUE INDEX users_email_key ON users (lower(email));

COMMENT ON TABLE users IS 'Accounts: one row for each that Cognito has confirmed.';
COMMENT ON COLUMN users.uuid IS 'Key within this database; never shown to people.';
COMMENT ON COLUMN users.handle IS 'Name after the @: 1 to 30 ASCII letters, digits, _; unique whatever its case.';
COMMENT ON COLUMN users.email IS 'Address that Cognito confirmed; unique whatever its case; private.';
COMMENT ON COLUMN users.cognito_user_id IS 'The sub claim of the account''s Cognito tokens; private.';
COMMENT ON COLUMN users.display_name IS 'Name as the person writes it, 1 to 50 characters; need not be unique.';
COMMENT ON COLUMN users.created_at IS 'When the account was confirmed.';
