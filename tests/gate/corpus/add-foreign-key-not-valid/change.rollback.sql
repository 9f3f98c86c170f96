ALTER TABLE posts DROP CONSTRAINT posts_editor_id_fkey;
