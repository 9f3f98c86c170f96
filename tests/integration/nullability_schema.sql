-- The database of test_nullability.py: every column that may be NULL is so in one row and not in another, every join
-- leaves rows without a partner on both sides, and one table is empty.

CREATE DOMAIN word AS text NOT NULL;
CREATE TABLE people (id int PRIMARY KEY, name text NOT NULL, nick text, boss int, born timestamptz, tag word);
INSERT INTO people VALUES
    (1, 'Ann', NULL, NULL, 'infinity', 'x'), (2, 'Bob', 'bo', 1, NULL, 'y'), (3, 'Cy', '', 9, '2026-01-01', 'z');
INSERT INTO people SELECT 4, 'Di', NULL, 2, NULL, (SELECT tag FROM people WHERE false);
CREATE TABLE posts (
    gone int, id int GENERATED ALWAYS AS IDENTITY, author int, body text NOT NULL, note text, doc jsonb NOT NULL,
    size int GENERATED ALWAYS AS (length(note)) STORED, letters int NOT NULL GENERATED ALWAYS AS (length(body)) STORED
);
INSERT INTO posts (author, body, note, doc)
VALUES (1, 'b1', NULL, '{}'), (1, 'b2', 'n2', 'null'), (2, 'b3', NULL, '[1]'), (NULL, 'b4', 'n4', '{"a": null}'),
    (8, 'b5', NULL, '5');
ALTER TABLE posts DROP COLUMN gone;
CREATE TABLE nothing (id int NOT NULL, name text NOT NULL);
CREATE VIEW counts AS
SELECT p.id, (SELECT count(*) FROM posts WHERE author = p.id) AS posts_count, max(p.nick) OVER () AS last FROM people p;
CREATE VIEW bosses AS SELECT p.id, p.name, b.name AS boss_name FROM people p LEFT JOIN people b ON b.id = p.boss;
CREATE VIEW over_views AS SELECT c.posts_count, b.boss_name, b.name FROM counts c JOIN bosses b USING (id);
CREATE MATERIALIZED VIEW old AS SELECT id, name FROM people;
CREATE TABLE parent (a int NOT NULL, b int NOT NULL);
CREATE TABLE child () INHERITS (parent);
CREATE TABLE parted (k int, v int NOT NULL) PARTITION BY LIST (k);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1);
INSERT INTO parted VALUES (1, 1);
CREATE TABLE log (said text);
CREATE TABLE ruled (a int NOT NULL);
CREATE RULE instead AS ON INSERT TO ruled DO INSTEAD INSERT INTO log VALUES (NULL) RETURNING NULL::int;
CREATE FUNCTION trick() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN NEW.id := NULL; NEW.posts_count := NULL; RETURN NEW; END $$;
CREATE TRIGGER tricked INSTEAD OF UPDATE ON counts FOR EACH ROW EXECUTE FUNCTION trick();
CREATE FUNCTION count_it(int) RETURNS bigint LANGUAGE sql AS 'SELECT NULL::bigint';
CREATE SCHEMA mine;
CREATE FUNCTION mine.lower(text) RETURNS text LANGUAGE sql AS 'SELECT NULL::text';
CREATE AGGREGATE mine.count(int) (sfunc = int4larger, stype = int);
CREATE FUNCTION mine.plus(int, int) RETURNS int LANGUAGE sql AS 'SELECT NULL::int';
CREATE OPERATOR mine.+ (leftarg = int, rightarg = int, function = mine.plus);
