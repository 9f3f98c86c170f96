-- Columns that a row needs a value for, as rows (table, column): no NULL is let in, and nothing else gives a value.
-- Tables whose rows a trigger looks at first are left out: it may give the value, and only running it tells.
SELECT c.oid, a.attname
FROM pg_class AS c
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type AS t ON t.oid = a.atttypid
WHERE c.relkind IN ('r', 'p') AND c.oid >= 16384
  AND NOT a.atthasdef AND a.attidentity = '' AND t.typdefault IS NULL
  AND (
      a.attnotnull OR t.typnotnull
      OR EXISTS (
          SELECT FROM pg_constraint AS k
          WHERE k.conrelid = c.oid AND k.contype = 'c' AND k.conkey = ARRAY[a.attnum]
            AND (to_jsonb(k) ->> 'conenforced') IS DISTINCT FROM 'false'
            AND pg_get_expr(k.conbin, k.conrelid) = '(' || quote_ident(a.attname) || ' IS NOT NULL)'
      )
  )
  AND NOT EXISTS (
      SELECT FROM pg_trigger AS g
      WHERE g.tgrelid = c.oid AND g.tgenabled <> 'D' AND g.tgtype & 7 = 7 -- BEFORE INSERT FOR EACH ROW
  )
ORDER BY c.oid, a.attnum
