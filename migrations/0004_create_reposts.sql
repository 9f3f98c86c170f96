-- Who passes which post on to their followers.
--
-- Keys           (activity_uuid, user_uuid): nobody reposts a post twice
-- Dependencies   (activity_uuid, user_uuid) -> created_at
-- Normal form    third (and Boyce-Codd): the moment belongs to the pair, to neither half of it alone.
--
-- A repost says nothing once its post or its person is gone: ON DELETE CASCADE on both sides.
-- depends: 0003_create_likes

CREATE TABLE reposts (
    activity_uuid uuid NOT NULL,
    user_uuid uuid NOT NULL,
    created_at timestamptz DEFAULT current_timestamp NOT NULL,
    -- The post comes first: the key then also serves the foreign key to activities and the counting.
    CONSTRAINT reposts_pkey PRIMARY KEY (activity_uuid, user_uuid),
    CONSTRAINT reposts_activity_uuid_fkey FOREIGN KEY (activity_uuid) REFERENCES activities (uuid) ON DELETE CASCADE,
    CONSTRAINT reposts_user_uuid_fkey FOREIGN KEY (user_uuid) REFERENCES users (uuid) ON DELETE CASCADE
);

-- What one person reposted, newest first; also what the foreign key to users needs.
CREATE INDEX reposts_user_uuid_created_at_idx ON reposts (user_uuid, created_at DESC);

COMMENT ON TABLE reposts IS 'Who passes which post on to their followers.';
COMMENT ON COLUMN reposts.activity_uuid IS 'The post that is reposted.';
COMMENT ON COLUMN reposts.user_uuid IS 'Who reposts it.';
COMMENT ON COLUMN reposts.created_at IS 'Since when.';
