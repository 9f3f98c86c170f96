ALTER TABLE posts ADD CONSTRAINT posts_one_each EXCLUDE USING btree (id WITH =);
