-- A table that has rows in production only.
CREATE TABLE events (id bigint PRIMARY KEY, what text NOT NULL);
