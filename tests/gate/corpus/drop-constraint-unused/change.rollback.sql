ALTER TABLE users ADD CONSTRAINT users_email_is_there CHECK (email IS NOT NULL);
