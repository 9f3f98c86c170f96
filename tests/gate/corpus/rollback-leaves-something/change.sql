CREATE TABLE tags (id bigint PRIMARY KEY, name text NOT NULL);
CREATE TYPE size AS ENUM ('small', 'large');
