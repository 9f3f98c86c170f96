-- Who reads whom.
--
-- Keys           (follower_uuid, followed_uuid): nobody follows the same person twice
-- Dependencies   (follower_uuid, followed_uuid) -> created_at
-- Normal form    third (and Boyce-Codd): the moment belongs to the pair, to neither half of it alone. Following is
--                not mutual, so (a, b) and (b, a) are two facts.
--
-- A follow says nothing once one of the two is gone: ON DELETE CASCADE on both sides.
-- depends: 0004_create_reposts

CREATE TABLE follows (
    follower_uuid uuid NOT NULL,
    followed_uuid uuid NOT NULL,
    created_at timestamptz DEFAULT current_timestamp NOT NULL,
    -- The follower comes first: the key then also lists whom somebody reads.
    CONSTRAINT follows_pkey PRIMARY KEY (follower_uuid, followed_uuid),
    CONSTRAINT follows_follower_uuid_fkey FOREIGN KEY (follower_uuid) REFERENCES users (uuid) ON DELETE CASCADE,
    CONSTRAINT follows_followed_uuid_fkey FOREIGN KEY (followed_uuid) REFERENCES users (uuid) ON DELETE CASCADE,
    CONSTRAINT follows_not_self_check CHECK (follower_uuid <> followed_uuid)
);

-- Somebody's followers, newest first; also what the second foreign key needs.
CREATE INDEX follows_followed_uuid_created_at_idx ON follows (followed_uuid, created_at DESC);

COMMENT ON TABLE follows IS 'Who reads whom.';
COMMENT ON COLUMN follows.follower_uuid IS 'Who reads.';
COMMENT ON COLUMN follows.followed_uuid IS 'Who is read; never the same person.';
COMMENT ON COLUMN follows.created_at IS 'Since when.';
