ALTER TABLE posts
    ADD COLUMN pinned boolean NOT NULL DEFAULT false,
    ADD COLUMN edited_at timestamptz NOT NULL DEFAULT now();
