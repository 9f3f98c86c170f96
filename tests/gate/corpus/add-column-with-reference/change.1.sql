-- The index comes with it: a foreign key without one makes each DELETE of a user read all posts.
ALTER TABLE audit ADD COLUMN user_id bigint REFERENCES users;
