ALTER TABLE posts ADD CONSTRAINT posts_title_is_there CHECK (title <> '') NOT VALID;
