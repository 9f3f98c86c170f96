-- What people write: posts, called activities as in the rest of Cruddur.
--
-- Keys           uuid
-- Dependencies   uuid -> user_uuid, message, expires_at, created_at
-- Normal form    third (and Boyce-Codd): uuid is the only determinant. The author's handle and name stay in users;
--                likes, reposts and replies are counted by view activity_counts, never stored beside the post.
--
-- Deleting an account deletes its posts: ON DELETE CASCADE.
-- Lengths are in characters, not bytes: an emoji costs what a letter costs.
-- depends: 0001_create_users

CREATE TABLE activities (
    uuid uuid DEFAULT gen_random_uuid() NOT NULL,
    user_uuid uuid NOT NULL,
    message text NOT NULL,
    expires_at timestamptz,
    created_at timestamptz DEFAULT current_timestamp NOT NULL,
    CONSTRAINT activities_pkey PRIMARY KEY (uuid),
    CONSTRAINT activities_user_uuid_fkey FOREIGN KEY (user_uuid) REFERENCES users (uuid) ON DELETE CASCADE,
    CONSTRAINT activities_message_length_check CHECK (char_length(message) <= 280),
    CONSTRAINT activities_message_not_blank_check CHECK (message ~ '\S'),
    CONSTRAINT activities_expires_after_created_check CHECK (expires_at > created_at)
);

-- The home feed, newest first; the uuid settles equal times, so that a page can start right after any row.
CREATE INDEX activities_created_at_uuid_idx ON activities (created_at DESC, uuid DESC);
-- One person's posts in the same order, for a profile; also what the foreign key to users needs.
CREATE INDEX activities_user_uuid_created_at_uuid_idx ON activities (user_uuid, created_at DESC, uuid DESC);
-- What has expired, for the job that deletes it; few posts expire at all.
CREATE INDEX activities_expires_at_idx ON activities (expires_at) WHERE expires_at IS NOT NULL;

COMMENT ON TABLE activities IS 'Posts.';
COMMENT ON COLUMN activities.uuid IS 'Key; part of the post''s address.';
COMMENT ON COLUMN activities.user_uuid IS 'Who wrote it; the post goes when the account goes.';
COMMENT ON COLUMN activities.message IS 'The text as typed: at most 280 characters, not blank.';
COMMENT ON COLUMN activities.expires_at IS 'From this moment on nobody is shown the post; NULL: it stays.';
COMMENT ON COLUMN activities.created_at IS 'When it was posted.';
