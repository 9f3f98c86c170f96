-- allow: PG401 because the table is small

ALTER TABLE posts ADD COLUMN subtitle text;
