-- Who likes which post.
--
-- Keys           (activity_uuid, user_uuid): nobody likes a post twice
-- Dependencies   (activity_uuid, user_uuid) -> created_at
-- Normal form    third (and Boyce-Codd): the moment belongs to the pair, to neither half of it alone.
--
-- A like says nothing once its post or its person is gone: ON DELETE CASCADE on both sides.
-- depends: 0002_create_activities

CREATE TABLE likes (
    activity_uuid uuid NOT NULL,
    user_uuid uuid NOT NULL,
    created_at timestamptz DEFAULT current_timestamp NOT NULL,
    -- The post comes first: the key then also serves the foreign key to activities and the counting.
    CONSTRAINT likes_pkey PRIMARY KEY (activity_uuid, user_uuid),
    CONSTRAINT likes_activity_uuid_fkey FOREIGN KEY (activity_uuid) REFERENCES activities (uuid) ON DELETE CASCADE,
    CONSTRAINT likes_user_uuid_fkey FOREIGN KEY (user_uuid) REFERENCES users (uuid) ON DELETE CASCADE
);

-- What one person liked, newest first; also what the foreign key to users needs.
CREATE INDEX likes_user_uuid_created_at_idx ON likes (user_uuid, created_at DESC);

COMMENT ON TABLE likes IS 'Who likes which post.';
COMMENT ON COLUMN likes.activity_uuid IS 'The post that is liked.';
COMMENT ON COLUMN likes.user_uuid IS 'Who likes it.';
COMMENT ON COLUMN likes.created_at IS 'Since when.';
