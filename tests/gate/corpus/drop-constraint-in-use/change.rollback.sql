ALTER TABLE users ADD CONSTRAINT users_handle_key UNIQUE (handle);
