-- Statements for test_nullability.py. Above each: what its columns are; n is not null, 0 is null, ? is unknown.

-- # tables

-- nn0
SELECT id, name, nick FROM people;

-- n0n0n0n
SELECT * FROM posts;

-- nn000?n
SELECT p.*, 1 FROM people AS p (a, b, c);

-- ?
SELECT tag FROM people;

-- nn
TABLE nothing;

-- ?
SELECT p FROM people AS p;

-- n
SELECT (p).name FROM people AS p;

-- ??
SELECT ctid, tableoid FROM people;

-- ?
SELECT id FROM old;

-- n0
SELECT v, k FROM parted;

-- # joins

-- nnn
SELECT p.name, q.body, q.id FROM people p JOIN posts q ON q.author = p.id;

-- n0
SELECT p.name, q.body FROM people p LEFT JOIN posts q ON q.author = p.id;

-- 0n
SELECT p.name, q.body FROM people p RIGHT JOIN posts q ON q.author = p.id;

-- 00
SELECT p.name, q.body FROM people p FULL JOIN posts q ON q.author = p.id;

-- n00
SELECT p.name, q.body, r.id FROM people p LEFT JOIN (posts q JOIN people r ON r.id = q.author) ON q.author =
p.id;

-- n0n
SELECT p.name, q.body, r.id FROM people p LEFT JOIN posts q ON q.author = p.id JOIN people r ON true;

-- 00n
SELECT p.name, q.body, r.id FROM people p LEFT JOIN posts q ON q.author = p.id RIGHT JOIN people r ON r.id =
q.id;

-- n00
SELECT a.id, b.id, c.id FROM people a LEFT JOIN people b ON b.id = a.boss LEFT JOIN people c ON c.id = b.boss;

-- nn0
SELECT a.id, b.id, c.id FROM people a, people b LEFT JOIN people c ON c.id = b.boss;

-- nn000?
SELECT * FROM people NATURAL LEFT JOIN nothing;

-- nn0
SELECT id, p.name, n.name FROM people p LEFT JOIN nothing n USING (id);

-- n0n
SELECT id, p.name, n.name FROM people p RIGHT JOIN nothing n USING (id);

-- 0
SELECT id FROM people FULL JOIN nothing USING (id);

-- n0
SELECT j.id, j.body FROM (people p LEFT JOIN posts q USING (id)) AS j;

-- n0
SELECT p.name, l.body FROM people p LEFT JOIN LATERAL (SELECT body FROM posts WHERE author = p.id) AS l ON
true;

-- nn
SELECT p.name, l.name FROM people p, LATERAL (SELECT p.name, p.nick) AS l;

-- n0
SELECT l.n, l.b FROM people p LEFT JOIN people b ON b.id = p.boss, LATERAL (SELECT p.name n, b.name b) AS l;

-- nn
SELECT p.name, l.n FROM people p CROSS JOIN LATERAL (SELECT count(*) AS n FROM posts WHERE author = p.id) AS l;

-- # conditions

-- n
SELECT nick FROM people WHERE nick IS NOT NULL;

-- 0
SELECT nick FROM people WHERE nick IS NULL;

-- n
SELECT nick FROM people WHERE lower(nick) = 'bo';

-- 00
SELECT nick, boss FROM people WHERE nick = 'bo' OR boss = 1;

-- n
SELECT boss FROM people WHERE boss = 1 OR boss > 8;

-- 00
SELECT boss, nick FROM people WHERE NOT (boss = 2 OR nick = 'x');

-- 0
SELECT boss FROM people WHERE (boss = 2) IS NOT TRUE;

-- 0
SELECT boss FROM people WHERE coalesce(boss, 1) = 1;

-- 0
SELECT boss FROM people WHERE boss IS DISTINCT FROM 1;

-- nn
SELECT p.boss, b.name FROM people p JOIN people b ON b.id = p.boss;

-- 0n
SELECT p.boss, b.name FROM people p LEFT JOIN people b ON b.id = p.boss WHERE b.id IS NOT NULL;

-- 00
SELECT p.boss, b.nick FROM people p LEFT JOIN people b ON b.id = p.boss AND b.nick IS NOT NULL;

-- n0
SELECT b.name, q.body FROM people p LEFT JOIN people b ON b.id = p.boss LEFT JOIN posts q ON q.author = p.id
WHERE b.name > '';

-- 00
SELECT p.name, b.boss FROM people p RIGHT JOIN people b ON p.id = b.boss AND b.boss IS NOT NULL;

-- n
SELECT (SELECT p.boss) FROM people p WHERE boss IS NOT NULL;

-- 0
SELECT boss FROM people WHERE (boss, nick) IS NOT NULL;

-- 00
SELECT p.boss, p.name FROM (people p JOIN people b ON b.id = p.boss) RIGHT JOIN posts q ON q.author = p.id;

-- n0
SELECT q.body, p.boss FROM posts q LEFT JOIN (people p JOIN people b ON b.id = p.boss) ON q.author = p.id;

-- 00
SELECT p.boss, p.name FROM (people p JOIN people b ON b.id = p.boss) FULL JOIN posts q ON q.author = p.id;

-- 0
SELECT nick FROM people WHERE concat(nick) = '';

-- # subqueries, WITH

-- n0
SELECT s.n, s.m FROM (SELECT name AS n, nick AS m FROM people) AS s;

-- 0
SELECT s.n FROM people p LEFT JOIN (SELECT 1 AS n) AS s ON false;

-- n0
WITH s AS (SELECT name, nick FROM people) SELECT * FROM s;

-- 0n
WITH s (a, b) AS MATERIALIZED (SELECT name, nick FROM people) SELECT b, a FROM s;

-- ?0n
WITH s AS (SELECT 1 AS a), t AS (SELECT a FROM s) SELECT (SELECT a FROM t), t.a, u.a FROM s LEFT JOIN t ON
true, t u;

-- 0
WITH people AS (SELECT NULL::text AS name) SELECT name FROM people;

-- ?n
WITH s AS (SELECT 1 AS a) SELECT (WITH s AS (SELECT nick AS a FROM people LIMIT 1) SELECT a FROM s), a FROM s;

-- n0
WITH RECURSIVE r AS (SELECT 1 AS n, 'a' AS w UNION ALL SELECT n + 1, NULL FROM r WHERE n < 3) SELECT * FROM r;

-- 000
WITH RECURSIVE r AS (SELECT 1 AS a, 2 AS b, 3 AS c UNION ALL SELECT b, c, NULL FROM r WHERE a < 3) SELECT *
FROM r;

-- 0
WITH RECURSIVE r AS (SELECT nick AS n FROM people UNION ALL SELECT 'x' FROM r WHERE n = 'bo') SELECT n FROM r;

-- nn
WITH RECURSIVE r (id, d) AS (SELECT id, 0 FROM people WHERE boss IS NULL UNION ALL SELECT p.id, d + 1 FROM r
JOIN people p ON p.boss = r.id) SELECT id, d FROM r;

-- n0
WITH RECURSIVE r AS (SELECT 1 AS a, 0 AS b UNION ALL SELECT r.a + 1, p.boss FROM r LEFT JOIN people p ON p.id
= r.a WHERE r.a < 5) SELECT a, b FROM r;

-- n?
WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 3) SEARCH DEPTH FIRST BY n SET o
SELECT n, o FROM r;

-- n?
WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n % 2 + 1 FROM r) CYCLE n SET again USING way SELECT n,
again FROM r;

-- n0
WITH gone AS (DELETE FROM posts RETURNING id, note) SELECT * FROM gone;

-- # set operations

-- n
SELECT name FROM people UNION SELECT body FROM posts;

-- 0
SELECT name FROM people UNION ALL SELECT NULL;

-- 0
SELECT NULL UNION ALL SELECT name FROM people;

-- ?
SELECT name FROM people UNION SELECT tag FROM people;

-- n
SELECT nick FROM people INTERSECT SELECT name FROM people;

-- ?
SELECT nick FROM people INTERSECT SELECT note FROM posts;

-- n
SELECT name FROM people EXCEPT SELECT nick FROM people;

-- 0
SELECT nick FROM people EXCEPT SELECT name FROM people;

-- n
(SELECT name FROM people LIMIT 1) UNION (SELECT body FROM posts INTERSECT SELECT note FROM posts);

-- 0
SELECT 1 UNION SELECT 2.5 UNION SELECT boss FROM people;

-- n0
VALUES (1, NULL), (2, 'a');

-- 0n
SELECT v.a, v.b FROM (VALUES (1, 2), (NULL, 3)) AS v (a, b);

-- 0
SELECT v.a FROM people p, LATERAL (VALUES (p.nick), (p.name)) AS v (a);

-- # views

-- nn?
SELECT id, posts_count, last FROM counts;

-- nn0
SELECT id, name, boss_name FROM bosses;

-- n0n
SELECT * FROM over_views;

-- 0
SELECT c.posts_count FROM people p LEFT JOIN counts c ON c.id = p.id AND p.id > 1;

-- # groups

-- nn??
SELECT count(*), count(nick), max(name), sum(id) FROM people;

-- 0nn?n
SELECT boss, count(*), max(name), max(nick), array_agg(nick) FROM people GROUP BY boss;

-- n?
SELECT name, max(id) FILTER (WHERE nick > '') FROM people GROUP BY name;

-- nn0
SELECT name, id + 1, nick FROM people GROUP BY id;

-- ?
SELECT max(id) FROM people GROUP BY ();

-- 0nnn
SELECT name, count(*), 1, grouping(name) FROM people GROUP BY ROLLUP (name);

-- 00n
SELECT name, id, count(*) FROM people GROUP BY GROUPING SETS ((name), (id), ());

-- 0
SELECT coalesce(nick, 'x') FROM people GROUP BY CUBE (coalesce(nick, 'x'));

-- 0n
SELECT coalesce(nick, 'x') AS a, count(*) + 1 AS b FROM people GROUP BY ROLLUP (1);

-- 0
SELECT id IS NULL FROM people GROUP BY ROLLUP (id IS NULL);

-- 0
SELECT (SELECT count(*) FROM posts) FROM people GROUP BY ROLLUP ((SELECT count(*) FROM posts));

-- 0n
SELECT (SELECT p.name), count(*) FROM people p GROUP BY ROLLUP (p.name);

-- 0
SELECT s.n FROM (SELECT name AS n FROM people GROUP BY ROLLUP (name)) AS s;

-- n
SELECT coalesce(sum(id), 0) FROM people;

-- n0
SELECT DISTINCT ON (name) name, nick FROM people;

-- n
SELECT name FROM people GROUP BY name HAVING count(*) > 0;

-- ???
SELECT array_agg(id), max(1), json_agg(1) FROM nothing GROUP BY ROLLUP (name);

-- 0n0
SELECT l.n, count(*), (SELECT l.n) FROM people p, LATERAL (SELECT p.name AS n) AS l GROUP BY ROLLUP (l.n);

-- # window functions

-- nnn??
SELECT row_number() OVER (), rank() OVER (ORDER BY id), count(*) OVER (), lag(id) OVER (), first_value(id)
OVER w FROM people WINDOW w AS (ORDER BY id ROWS BETWEEN 2 FOLLOWING AND 3 FOLLOWING);

-- ?
SELECT sum(id) OVER (ORDER BY id ROWS BETWEEN 2 FOLLOWING AND 3 FOLLOWING) FROM people;

-- # expressions

-- nn0nn0nn?
SELECT 1, 'a', NULL, true, 2.5, NULL::int, now(), CURRENT_DATE, CURRENT_SCHEMA;

-- nn00
SELECT coalesce(nick, name), coalesce(nick, 'x'), coalesce(nick, note), coalesce(nick, NULL) FROM people JOIN
posts USING (id);

-- nn0
SELECT greatest(nick, name), least(boss, id), greatest(nick) FROM people;

-- nnnnn
SELECT nick IS NULL, nick IS NOT NULL, (boss > 1) IS TRUE, (boss > 1) IS UNKNOWN, nick IS DISTINCT FROM name
FROM people;

-- ?n?nn?
SELECT boss > 1, id > 1, id > 1 AND boss > 1, id > 1 OR id < 0, NOT id > 1, id = boss FROM people;

-- n00?
SELECT CASE WHEN id > 1 THEN name ELSE 'x' END, CASE WHEN id > 1 THEN name END, CASE id WHEN 1 THEN nick ELSE
'x' END, nullif(name, 'Ann') FROM people;

-- nn?n?n
SELECT EXISTS (SELECT FROM nothing), ARRAY(SELECT nick FROM people), (SELECT name FROM people WHERE false),
(SELECT count(*) FROM nothing), (SELECT max(id) FROM nothing), (SELECT 1);

-- ???????
SELECT (SELECT count(*) FROM posts HAVING count(*) > 9), (SELECT count(*) FROM posts LIMIT 0), (SELECT
count(*) FROM posts OFFSET 1), (SELECT count(*) FROM posts GROUP BY author LIMIT 1), (SELECT 1 WHERE false),
(SELECT 1 FROM nothing), (SELECT count(*) FROM posts UNION SELECT 1 LIMIT 1);

-- ?n??n
SELECT (SELECT generate_series(1, 0)), (SELECT count(*) FROM posts WHERE false), id = ANY (ARRAY[boss]), id IN
(SELECT boss FROM people), (SELECT p.name) FROM people p;

-- ?
SELECT (SELECT count(p.nick) FROM nothing LIMIT 1) FROM people p;

-- nn?
SELECT ARRAY[nick], ROW(nick, boss), (ARRAY[nick])[1] FROM people;

-- n0nn0?n
SELECT id::text, nick::varchar(2), name::varchar(2), id::numeric, born::date, born::time, name::name FROM
people;

-- ?nn
SELECT 'infinity'::timestamptz::time, now()::date, now() AT TIME ZONE 'UTC';

-- n???n?
SELECT doc::text, doc -> 'a', doc ->> 'a', doc #>> '{}', jsonb_build_object('a', note), to_jsonb(note) FROM
posts;

-- nn?n?n??
SELECT lower(name), length(name), upper(nick), name || 'x', name || nick, concat(nick), substring(name FROM
'z'), concat(VARIADIC NULL::text[]) FROM people;

-- ????
SELECT lower(int4range(NULL, 1)), extract(month FROM 'infinity'::timestamptz), to_char(now(), ''),
array_length('{}'::int[], 1);

-- n?nn?
SELECT id + 1, id + boss, -id, id * 2.5, path '((0,0),(1,1))' + path '((0,0),(1,1))' FROM people;

-- ???
SELECT mine.lower(name), mine.count(id), count_it(1) FROM people GROUP BY name;

-- ?
SELECT id OPERATOR(mine.+) 1 FROM people;

-- ?n
SELECT $1::int, coalesce($1, 1);

-- 0nnn
SELECT nick COLLATE "C", name COLLATE "C", id::oid, name::"char" FROM people;

-- n?
SELECT '' ::word, (SELECT tag FROM people WHERE false)::word FROM nothing;

-- n??
SELECT num_nulls(nick, boss), nextval('posts_id_seq'), row_to_json(people) FROM people;

-- ?
SELECT (SELECT 1 ORDER BY generate_series(1, 0));

-- ??
SELECT lower('(,1)'::int4range), upper('(1,)'::int4range);

-- # functions in FROM

-- n?
SELECT g, h FROM generate_series(1, 2) AS g, unnest(ARRAY[1, NULL]) AS h;

-- ?n
SELECT g.a, g.o FROM unnest(ARRAY[1, NULL]) WITH ORDINALITY AS g (a, o);

-- ???
SELECT a, b, o FROM ROWS FROM (generate_series(1, 2), generate_series(1, 3)) WITH ORDINALITY AS g (a, b, o);

-- ??n
SELECT generate_series(1, 2), generate_series(1, 3), 1;

-- ?n
SELECT generate_series(1, 2) + 1, coalesce(s, 1) FROM generate_series(1, 2) s;

-- ?
SELECT * FROM json_to_record('{}') AS j (a int);

-- ?
SELECT * FROM count_it(1);

-- # writes

-- n0n0nn
INSERT INTO posts (body, doc) VALUES ('b', '{}') RETURNING id, author, body, size, letters, body || 'x';

-- nn000?
INSERT INTO people (id, name) SELECT id, name FROM nothing ON CONFLICT (id) DO UPDATE SET nick = NULL
RETURNING *;

-- 0n
UPDATE people SET nick = NULL WHERE nick IS NOT NULL RETURNING nick, name;

-- nn0
UPDATE people p SET nick = b.name FROM people q LEFT JOIN people b ON b.id = q.boss WHERE q.id = p.id
RETURNING p.name, q.name, b.name;

-- n0
DELETE FROM people RETURNING id, nick;

-- ?
INSERT INTO ruled VALUES (1) RETURNING a;

-- ??
UPDATE counts SET id = 1 RETURNING id, posts_count;

-- n
UPDATE parent SET a = 1 RETURNING a;
