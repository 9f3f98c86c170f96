-- What the schema of a database is, as rows (key, value): `column public.users.handle: type` | `text`.
--
-- schema, relation   what is ours: not Postgres's, not an extension's, not the ledger's
-- object             everything that has a name, each under the name it is reported by
-- fact               what is known of each, one block for a kind; a NULL value is no fact
--
-- No oid and no attribute number comes out. The caller empties search_path, so that every cast to
-- regclass, regtype and the like gives a qualified, quoted name. Columns that only newer servers have
-- are read through to_jsonb(), which gives NULL where an older one lacks them.
WITH

-- what an extension brought, and the functions and casts that every range type brings
brought AS (
    SELECT classid, objid
    FROM pg_depend
    WHERE deptype = 'e' OR (deptype = 'i' AND classid IN ('pg_proc'::regclass, 'pg_cast'::regclass))
),

schema AS (
    SELECT oid, nspowner, nspacl
    FROM pg_namespace
    WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
      AND (%(schemas)s::text[] IS NULL OR nspname = ANY (%(schemas)s))
),

owned_sequence AS (
    SELECT objid AS oid, refobjid AS relation, refobjsubid AS attnum, deptype
    FROM pg_depend
    WHERE classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass
      AND refobjsubid > 0 AND deptype IN ('a', 'i')
),

relation AS (
    SELECT c.*
    FROM pg_class AS c
    JOIN schema ON schema.oid = c.relnamespace
    LEFT JOIN pg_index AS i ON i.indexrelid = c.oid
    LEFT JOIN owned_sequence AS s ON s.oid = c.oid AND c.relkind = 'S'
    -- an index and an owned sequence are whatever their table is
    JOIN pg_class AS home ON home.oid = coalesce(i.indrelid, s.relation, c.oid)
    WHERE home.relname !~ %(ledger)s
      AND NOT EXISTS (
          SELECT FROM brought AS e WHERE e.classid = 'pg_class'::regclass AND e.objid = home.oid
      )
),

schema_object (class, oid, sub, name, owner, acl, acl_kind) AS (
    SELECT 'pg_namespace'::regclass::oid, oid, 0, 'schema ' || oid::regnamespace, nspowner, nspacl, 'n'
    FROM schema

    UNION ALL
    SELECT
        'pg_class'::regclass, oid, 0,
        CASE relkind
            WHEN 'v' THEN 'view'
            WHEN 'm' THEN 'materialized view'
            WHEN 'S' THEN 'sequence'
            WHEN 'f' THEN 'foreign table'
            WHEN 'i' THEN 'index'
            WHEN 'I' THEN 'index'
            ELSE 'table'
        END || ' ' || oid::regclass,
        relowner, relacl, CASE relkind WHEN 'S' THEN 's' ELSE 'r' END
    FROM relation
    WHERE relkind <> 'c'

    UNION ALL
    SELECT
        'pg_class'::regclass, r.oid, a.attnum,
        CASE r.relkind WHEN 'c' THEN 'attribute ' ELSE 'column ' END || r.oid::regclass || '.' || quote_ident(attname),
        r.relowner, a.attacl, 'c'
    FROM relation AS r
    JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE r.relkind NOT IN ('i', 'I', 'S')

    UNION ALL
    SELECT
        'pg_type'::regclass, t.oid, 0,
        CASE t.typtype WHEN 'd' THEN 'domain ' ELSE 'type ' END || t.oid::regtype,
        t.typowner, t.typacl, 'T'
    FROM pg_type AS t
    JOIN schema ON schema.oid = t.typnamespace
    LEFT JOIN pg_class AS row_of ON row_of.oid = t.typrelid
    -- the array of a type, the row of a table and the multirange of a range come and go with it
    WHERE coalesce(row_of.relkind, 'c') = 'c' AND t.typtype <> 'm'
      AND NOT EXISTS (SELECT FROM pg_type AS element WHERE element.typarray = t.oid)

    UNION ALL
    SELECT
        'pg_proc'::regclass, p.oid, 0,
        CASE p.prokind WHEN 'a' THEN 'aggregate ' WHEN 'p' THEN 'procedure ' ELSE 'function ' END || p.oid::regprocedure,
        p.proowner, p.proacl, 'f'
    FROM pg_proc AS p
    JOIN schema ON schema.oid = p.pronamespace

    UNION ALL
    SELECT
        'pg_constraint'::regclass, c.oid, 0,
        'constraint ' || quote_ident(c.conname) || ' on '
            || coalesce(r.oid::regclass::text, 'domain ' || t.oid::regtype),
        NULL, NULL, NULL
    FROM pg_constraint AS c
    LEFT JOIN relation AS r ON r.oid = c.conrelid
    LEFT JOIN pg_type AS t ON t.oid = c.contypid AND t.typnamespace IN (SELECT schema.oid FROM schema)
        AND NOT EXISTS (
            SELECT FROM brought AS e WHERE e.classid = 'pg_type'::regclass AND e.objid = t.oid
        )
    -- NOT NULL is a constraint since 18 and said of the column on every version; triggers say their own
    WHERE c.contype NOT IN ('n', 't') AND c.conparentid = 0 AND coalesce(r.oid, t.oid) IS NOT NULL

    UNION ALL
    SELECT
        'pg_trigger'::regclass, t.oid, 0,
        'trigger ' || quote_ident(t.tgname) || ' on ' || r.oid::regclass, NULL, NULL, NULL
    FROM pg_trigger AS t
    JOIN relation AS r ON r.oid = t.tgrelid
    WHERE NOT t.tgisinternal AND t.tgparentid = 0

    UNION ALL
    SELECT
        'pg_rewrite'::regclass, w.oid, 0,
        'rule ' || quote_ident(w.rulename) || ' on ' || r.oid::regclass, NULL, NULL, NULL
    FROM pg_rewrite AS w
    JOIN relation AS r ON r.oid = w.ev_class
    WHERE w.rulename <> '_RETURN'

    UNION ALL
    SELECT
        'pg_policy'::regclass, p.oid, 0,
        'policy ' || quote_ident(p.polname) || ' on ' || r.oid::regclass, NULL, NULL, NULL
    FROM pg_policy AS p
    JOIN relation AS r ON r.oid = p.polrelid

    UNION ALL
    SELECT
        'pg_statistic_ext'::regclass, s.oid, 0,
        'statistics ' || s.stxnamespace::regnamespace || '.' || quote_ident(s.stxname), s.stxowner, NULL, NULL
    FROM pg_statistic_ext AS s
    JOIN relation AS r ON r.oid = s.stxrelid

    UNION ALL
    SELECT 'pg_collation'::regclass, c.oid, 0, 'collation ' || c.oid::regcollation, c.collowner, NULL, NULL
    FROM pg_collation AS c
    JOIN schema ON schema.oid = c.collnamespace

    UNION ALL
    SELECT 'pg_operator'::regclass, o.oid, 0, 'operator ' || o.oid::regoperator, o.oprowner, NULL, NULL
    FROM pg_operator AS o
    JOIN schema ON schema.oid = o.oprnamespace

    UNION ALL
    SELECT
        'pg_opfamily'::regclass, f.oid, 0,
        'operator family ' || f.opfnamespace::regnamespace || '.' || quote_ident(f.opfname) || ' using ' || m.amname,
        f.opfowner, NULL, NULL
    FROM pg_opfamily AS f
    JOIN schema ON schema.oid = f.opfnamespace
    JOIN pg_am AS m ON m.oid = f.opfmethod

    UNION ALL
    SELECT
        'pg_opclass'::regclass, c.oid, 0,
        'operator class ' || c.opcnamespace::regnamespace || '.' || quote_ident(c.opcname) || ' using ' || m.amname,
        c.opcowner, NULL, NULL
    FROM pg_opclass AS c
    JOIN schema ON schema.oid = c.opcnamespace
    JOIN pg_am AS m ON m.oid = c.opcmethod

    UNION ALL
    SELECT
        'pg_conversion'::regclass, c.oid, 0,
        'conversion ' || c.connamespace::regnamespace || '.' || quote_ident(c.conname), c.conowner, NULL, NULL
    FROM pg_conversion AS c
    JOIN schema ON schema.oid = c.connamespace

    UNION ALL
    SELECT
        'pg_ts_config'::regclass, c.oid, 0, 'text search configuration ' || c.oid::regconfig, c.cfgowner, NULL, NULL
    FROM pg_ts_config AS c
    JOIN schema ON schema.oid = c.cfgnamespace

    UNION ALL
    SELECT
        'pg_ts_dict'::regclass, d.oid, 0, 'text search dictionary ' || d.oid::regdictionary, d.dictowner, NULL, NULL
    FROM pg_ts_dict AS d
    JOIN schema ON schema.oid = d.dictnamespace
),

database_object (class, oid, sub, name, owner, acl, acl_kind) AS (
    SELECT 'pg_extension'::regclass::oid, oid, 0, 'extension ' || quote_ident(extname), extowner, NULL::aclitem[], NULL
    FROM pg_extension

    UNION ALL
    SELECT 'pg_language'::regclass, oid, 0, 'language ' || quote_ident(lanname), lanowner, lanacl, 'l'
    FROM pg_language
    WHERE oid >= 16384 -- below it is what initdb made

    UNION ALL
    SELECT
        'pg_cast'::regclass, oid, 0,
        'cast (' || format_type(castsource, NULL) || ' as ' || format_type(casttarget, NULL) || ')', NULL, NULL, NULL
    FROM pg_cast
    WHERE oid >= 16384

    UNION ALL
    SELECT 'pg_am'::regclass, oid, 0, 'access method ' || quote_ident(amname), NULL, NULL, NULL
    FROM pg_am
    WHERE oid >= 16384

    UNION ALL
    SELECT 'pg_event_trigger'::regclass, oid, 0, 'event trigger ' || quote_ident(evtname), evtowner, NULL, NULL
    FROM pg_event_trigger

    UNION ALL
    SELECT 'pg_publication'::regclass, oid, 0, 'publication ' || quote_ident(pubname), pubowner, NULL, NULL
    FROM pg_publication

    UNION ALL
    SELECT
        'pg_foreign_data_wrapper'::regclass, oid, 0,
        'foreign-data wrapper ' || quote_ident(fdwname), fdwowner, fdwacl, 'F'
    FROM pg_foreign_data_wrapper

    UNION ALL
    SELECT 'pg_foreign_server'::regclass, oid, 0, 'server ' || quote_ident(srvname), srvowner, srvacl, 'S'
    FROM pg_foreign_server
),

object AS (
    SELECT o.*
    FROM (
        SELECT * FROM schema_object
        UNION ALL
        SELECT * FROM database_object WHERE %(schemas)s::text[] IS NULL
    ) AS o
    WHERE NOT EXISTS (SELECT FROM brought AS e WHERE e.classid = o.class AND e.objid = o.oid)
),

-- Privileges are told as the distance from what an object has when nobody granted or revoked anything:
-- `base`. So a privilege that a newer server gives every owner (MAINTAIN, 17) is no difference.
access (name, owner, kind, acl, base) AS (
    SELECT
        o.name, o.owner, o.acl_kind::"char", o.acl,
        coalesce(i.initprivs, acldefault(o.acl_kind::"char", o.owner))
    FROM object AS o
    LEFT JOIN pg_init_privs AS i ON i.classoid = o.class AND i.objoid = o.oid AND i.objsubid = o.sub
    WHERE o.acl IS NOT NULL

    UNION ALL
    SELECT
        'default privileges of ' || CASE WHEN b.datdba = d.defaclrole THEN 'the database owner' ELSE d.defaclrole::regrole::text END
            || coalesce(' in schema ' || s.oid::regnamespace, '') || ' on ' || k.plural,
        d.defaclrole, k.kind, d.defaclacl,
        CASE d.defaclnamespace WHEN 0 THEN acldefault(k.kind, d.defaclrole) END
    FROM pg_default_acl AS d
    JOIN (
        VALUES
            ('r'::"char", 'r'::"char", 'tables'), ('S', 's', 'sequences'), ('f', 'f', 'functions'),
            ('T', 'T', 'types'), ('n', 'n', 'schemas'), ('L', 'L', 'large objects')
    ) AS k (objtype, kind, plural) ON k.objtype = d.defaclobjtype
    JOIN pg_database AS b ON b.datname = current_database()
    LEFT JOIN schema AS s ON s.oid = d.defaclnamespace
    WHERE s.oid IS NOT NULL OR (d.defaclnamespace = 0 AND %(schemas)s::text[] IS NULL)
),

fact (name, property, value) AS (
    -- schemas, and any object about which nothing else is told
    SELECT name, 'exists', 'yes'
    FROM object
    WHERE class = 'pg_namespace'::regclass

    UNION ALL
    -- tables, views, materialized views, sequences, indexes: what they share
    SELECT o.name, p.property, p.value
    FROM object AS o
    JOIN pg_class AS c ON c.oid = o.oid
    LEFT JOIN pg_am AS m ON m.oid = c.relam AND c.relkind IN ('r', 'p', 'm')
    LEFT JOIN pg_tablespace AS s ON s.oid = c.reltablespace
    LEFT JOIN pg_class AS toast ON toast.oid = c.reltoastrelid
    CROSS JOIN LATERAL (
        VALUES
            ('persistence', CASE WHEN c.relkind NOT IN ('i', 'I', 'S', 'v')
                THEN CASE c.relpersistence WHEN 'u' THEN 'unlogged' ELSE 'permanent' END END),
            ('access method', nullif(m.amname, 'heap')),
            ('tablespace', s.spcname),
            ('options', CASE WHEN c.relkind NOT IN ('i', 'I')
                THEN (SELECT string_agg(x, ', ' ORDER BY x COLLATE "C") FROM unnest(c.reloptions) AS x) END),
            ('toast options', (SELECT string_agg(x, ', ' ORDER BY x COLLATE "C") FROM unnest(toast.reloptions) AS x)),
            ('inherits', (SELECT string_agg(i.inhparent::regclass::text, ', ' ORDER BY i.inhseqno)
                FROM pg_inherits AS i WHERE i.inhrelid = c.oid AND NOT i.inhdetachpending))
    ) AS p (property, value)
    WHERE o.class = 'pg_class'::regclass AND o.sub = 0

    UNION ALL
    -- tables
    SELECT o.name, p.property, p.value
    FROM object AS o
    JOIN pg_class AS c ON c.oid = o.oid AND c.relkind IN ('r', 'p', 'f')
    CROSS JOIN LATERAL (
        VALUES
            ('of type', CASE WHEN c.reloftype <> 0 THEN c.reloftype::regtype::text END),
            ('partition by', pg_get_partkeydef(c.oid)),
            ('partition bound', pg_get_expr(c.relpartbound, c.oid)),
            ('replica identity', CASE c.relreplident WHEN 'f' THEN 'full' WHEN 'n' THEN 'nothing' END),
            ('row security', CASE WHEN c.relrowsecurity THEN 'enabled' END),
            ('row security of the owner', CASE WHEN c.relforcerowsecurity THEN 'forced' END),
            ('order', (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
                FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped))
    ) AS p (property, value)
    WHERE o.class = 'pg_class'::regclass AND o.sub = 0

    UNION ALL
    -- columns, and the attributes of composite types
    SELECT o.name, p.property, p.value
    FROM object AS o
    JOIN pg_attribute AS a ON a.attrelid = o.oid AND a.attnum = o.sub
    JOIN pg_type AS t ON t.oid = a.atttypid
    LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    LEFT JOIN pg_constraint AS unproved
        ON unproved.conrelid = a.attrelid AND unproved.contype = 'n'
        AND unproved.conkey = ARRAY[a.attnum] AND NOT unproved.convalidated
    CROSS JOIN LATERAL (
        VALUES
            ('type', format_type(a.atttypid, a.atttypmod)),
            ('not null', CASE WHEN a.attnotnull THEN CASE WHEN unproved.oid IS NULL THEN 'yes' ELSE 'not valid' END END),
            ('default', CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END),
            ('generated', CASE a.attgenerated WHEN '' THEN NULL
                ELSE pg_get_expr(d.adbin, d.adrelid) || CASE a.attgenerated WHEN 's' THEN ' stored' ELSE ' virtual' END END),
            ('identity', CASE a.attidentity WHEN 'a' THEN 'always' WHEN 'd' THEN 'by default' END),
            ('collation', CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::regcollation::text END),
            ('storage', CASE WHEN a.attstorage <> t.typstorage THEN CASE a.attstorage
                WHEN 'p' THEN 'plain' WHEN 'e' THEN 'external' WHEN 'm' THEN 'main' ELSE 'extended' END END),
            ('compression', CASE a.attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END),
            ('statistics', nullif(a.attstattarget, -1)::text),
            ('options', (SELECT string_agg(x, ', ' ORDER BY x COLLATE "C") FROM unnest(a.attoptions) AS x
              WHERE NOT starts_with(x, 'pg_attver='))), -- a number that the server's minor releases of late 2026 keep there
            ('foreign options', (SELECT string_agg(x, ', ' ORDER BY x COLLATE "C") FROM unnest(a.attfdwoptions) AS x))
    ) AS p (property, value)
    WHERE o.class = 'pg_class'::regclass AND o.sub > 0

    UNION ALL
    -- indexes; the one behind a constraint is said by the constraint
    SELECT o.name, p.property, p.value
    FROM object AS o
    JOIN pg_index AS i ON i.indexrelid = o.oid
    CROSS JOIN LATERAL (
        VALUES
            ('definition', CASE WHEN NOT EXISTS (
                SELECT FROM pg_constraint AS c WHERE c.conindid = i.indexrelid AND c.contype IN ('p', 'u', 'x')
            ) THEN pg_get_indexdef(i.indexrelid) END),
            ('state', CASE WHEN NOT i.indisready THEN 'not ready' WHEN NOT i.indisvalid THEN 'invalid' END),
            ('replica identity', CASE WHEN i.indisreplident THEN 'yes' END),
            ('clustered', CASE WHEN i.indisclustered THEN 'yes' END)
    ) AS p (property, value)
    WHERE o.class = 'pg_class'::regclass AND o.sub = 0

    UNION ALL
    -- sequences
    SELECT o.name, p.property, p.value
    FROM object AS o
    JOIN pg_sequence AS s ON s.seqrelid = o.oid
    LEFT JOIN owned_sequence AS w ON w.oid = o.oid
    LEFT JOIN pg_attribute AS a ON a.attrelid = w.relation AND a.attnum = w.attnum
    CROSS JOIN LATERAL (
        VALUES
            ('definition', concat(s.seqtypid::regtype, ' start ', s.seqstart, ' increment ', s.seqincrement, ' minimum ', s.seqmin,
                ' maximum ', s.seqmax, ' cache ', s.seqcache, CASE WHEN s.seqcycle THEN ' cycle' END)),
            ('owned by', a.attrelid::regclass || '.' || quote_ident(a.attname))
    ) AS p (property, value)
    WHERE o.class = 'pg_class'::regclass AND o.sub = 0

    UNION ALL
    -- views and materialized views
    SELECT o.name, 'definition', pg_get_viewdef(c.oid)
    FROM object AS o
    JOIN pg_class AS c ON c.oid = o.oid AND c.relkind IN ('v', 'm')
    WHERE o.class = 'pg_class'::regclass AND o.sub = 0

    UNION ALL
    -- types and domains
    SELECT o.name, p.property, p.value
    FROM object AS o
    JOIN pg_type AS t ON t.oid = o.oid
    LEFT JOIN pg_type AS base ON base.oid = t.typbasetype
    LEFT JOIN pg_range AS r ON r.rngtypid = t.oid
    LEFT JOIN pg_opclass AS c ON c.oid = r.rngsubopc
    CROSS JOIN LATERAL (
        VALUES
            ('kind', CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'c' THEN 'composite' WHEN 'r' THEN 'range' WHEN 'p' THEN 'shell'
                WHEN 'd' THEN format_type(t.typbasetype, t.typtypmod)
                ELSE concat('base, input ', t.typinput, ', output ', t.typoutput, ', length ', t.typlen) END),
            ('labels', (SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder)
                FROM pg_enum AS e WHERE e.enumtypid = t.oid)),
            ('attributes', (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
                FROM pg_attribute AS a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped)),
            ('range', concat_ws(', ', r.rngsubtype::regtype, 'operator class ' || c.opcnamespace::regnamespace || '.' || c.opcname,
                'multirange ' || r.rngmultitypid::regtype,
                'collation ' || nullif(r.rngcollation, 0)::regcollation,
                'canonical ' || nullif(r.rngcanonical::oid, 0)::regproc,
                'difference ' || nullif(r.rngsubdiff::oid, 0)::regproc)),
            ('not null', CASE WHEN t.typnotnull THEN 'yes' END),
            ('default', t.typdefault),
            ('collation', CASE WHEN t.typcollation <> base.typcollation THEN t.typcollation::regcollation::text END)
    ) AS p (property, value)
    WHERE o.class = 'pg_type'::regclass AND p.value <> ''

    UNION ALL
    -- functions, procedures, window functions
    SELECT o.name, 'definition', pg_get_functiondef(p.oid)
    FROM object AS o
    JOIN pg_proc AS p ON p.oid = o.oid AND p.prokind <> 'a'
    WHERE o.class = 'pg_proc'::regclass

    UNION ALL
    -- aggregates
    SELECT
        o.name, 'definition',
        concat_ws(', ',
            concat('returns ', pg_get_function_result(p.oid), ', kind ', a.aggkind, a.aggnumdirectargs, ', parallel ', p.proparallel),
            concat('state ', a.aggtransfn, ' ', a.aggtranstype::regtype, ' ', a.aggtransspace),
            'start ' || quote_literal(a.agginitval),
            CASE WHEN a.aggfinalfn <> 0 THEN concat('final ', a.aggfinalfn, ' ', a.aggfinalextra, ' ', a.aggfinalmodify) END,
            CASE WHEN a.aggcombinefn <> 0 THEN concat('combine ', a.aggcombinefn, ' ', a.aggserialfn, ' ', a.aggdeserialfn) END,
            CASE WHEN a.aggmtransfn <> 0 THEN concat('moving ', a.aggmtransfn, ' ', a.aggminvtransfn, ' ', a.aggmtranstype::regtype,
                ' ', a.aggmtransspace, ' ', a.aggmfinalfn, ' ', a.aggmfinalextra, ' ', a.aggmfinalmodify) END,
            'moving start ' || quote_literal(a.aggminitval),
            'sort ' || nullif(a.aggsortop, 0)::regoperator)
    FROM object AS o
    JOIN pg_proc AS p ON p.oid = o.oid
    JOIN pg_aggregate AS a ON a.aggfnoid = p.oid
    WHERE o.class = 'pg_proc'::regclass

    UNION ALL
    -- constraints; the definition ends in NOT VALID where it was not validated
    SELECT name, 'definition', pg_get_constraintdef(oid)
    FROM object
    WHERE class = 'pg_constraint'::regclass

    UNION ALL
    -- triggers
    SELECT o.name, p.property, p.value
    FROM object AS o
    JOIN pg_trigger AS t ON t.oid = o.oid
    CROSS JOIN LATERAL (
        VALUES
            ('definition', pg_get_triggerdef(t.oid)),
            ('fires', CASE t.tgenabled WHEN 'D' THEN 'never' WHEN 'R' THEN 'on replicas' WHEN 'A' THEN 'always' END)
    ) AS p (property, value)
    WHERE o.class = 'pg_trigger'::regclass

    UNION ALL
    -- rules
    SELECT o.name, p.property, p.value
    FROM object AS o
    JOIN pg_rewrite AS w ON w.oid = o.oid
    CROSS JOIN LATERAL (
        VALUES
            ('definition', pg_get_ruledef(w.oid)),
            ('fires', CASE w.ev_enabled WHEN 'D' THEN 'never' WHEN 'R' THEN 'on replicas' WHEN 'A' THEN 'always' END)
    ) AS p (property, value)
    WHERE o.class = 'pg_rewrite'::regclass

    UNION ALL
    -- policies
    SELECT o.name, p.property, p.value
    FROM object AS o
    JOIN pg_policy AS y ON y.oid = o.oid
    CROSS JOIN LATERAL (
        VALUES
            ('kind', CASE WHEN y.polpermissive THEN 'permissive' ELSE 'restrictive' END),
            ('command', CASE y.polcmd WHEN 'r' THEN 'select' WHEN 'a' THEN 'insert' WHEN 'w' THEN 'update'
                WHEN 'd' THEN 'delete' ELSE 'all' END),
            ('roles', (SELECT string_agg(r.name, ', ' ORDER BY r.name COLLATE "C") FROM (
                SELECT CASE role WHEN 0 THEN 'PUBLIC' ELSE role::regrole::text END FROM unnest(y.polroles) AS role) AS r (name))),
            ('using', pg_get_expr(y.polqual, y.polrelid)),
            ('with check', pg_get_expr(y.polwithcheck, y.polrelid))
    ) AS p (property, value)
    WHERE o.class = 'pg_policy'::regclass

    UNION ALL
    -- statistics objects
    SELECT o.name, p.property, p.value
    FROM object AS o
    JOIN pg_statistic_ext AS s ON s.oid = o.oid
    CROSS JOIN LATERAL (
        VALUES
            ('definition', pg_get_statisticsobjdef(s.oid)),
            ('statistics', nullif(s.stxstattarget, -1)::text)
    ) AS p (property, value)
    WHERE o.class = 'pg_statistic_ext'::regclass

    UNION ALL
    -- collations; an ICU locale has stood in three columns since 14
    SELECT
        o.name, 'definition',
        concat_ws(', ', c.collprovider, coalesce(j.row ->> 'colllocale', j.row ->> 'colliculocale', c.collcollate),
            c.collctype, CASE WHEN NOT c.collisdeterministic THEN 'nondeterministic' END, j.row ->> 'collicurules')
    FROM object AS o
    JOIN pg_collation AS c ON c.oid = o.oid
    CROSS JOIN LATERAL to_jsonb(c) AS j (row)
    WHERE o.class = 'pg_collation'::regclass

    UNION ALL
    -- operators
    SELECT
        o.name, 'definition',
        concat_ws(', ', 'function ' || p.oprcode, 'commutator ' || nullif(p.oprcom, 0)::regoperator,
            'negator ' || nullif(p.oprnegate, 0)::regoperator, 'restrict ' || nullif(p.oprrest::oid, 0)::regproc,
            'join ' || nullif(p.oprjoin::oid, 0)::regproc, CASE WHEN p.oprcanhash THEN 'hashes' END,
            CASE WHEN p.oprcanmerge THEN 'merges' END)
    FROM object AS o
    JOIN pg_operator AS p ON p.oid = o.oid
    WHERE o.class = 'pg_operator'::regclass

    UNION ALL
    -- operator families: what is in them; operator classes: what they are for
    SELECT o.name, p.property, coalesce(p.value, 'none')
    FROM object AS o
    CROSS JOIN LATERAL (
        VALUES
            ('operators', (SELECT string_agg(x, ', ' ORDER BY x COLLATE "C") FROM (
                SELECT a.amopstrategy || ' ' || a.amopopr::regoperator FROM pg_amop AS a WHERE a.amopfamily = o.oid) AS y (x))),
            ('functions', (SELECT string_agg(x, ', ' ORDER BY x COLLATE "C") FROM (
                SELECT a.amprocnum || ' ' || a.amproc::regprocedure FROM pg_amproc AS a WHERE a.amprocfamily = o.oid) AS y (x)))
    ) AS p (property, value)
    WHERE o.class = 'pg_opfamily'::regclass

    UNION ALL
    SELECT
        o.name, 'definition',
        concat_ws(', ', 'for ' || c.opcintype::regtype, 'family ' || f.opfnamespace::regnamespace || '.' || quote_ident(f.opfname),
            CASE WHEN c.opcdefault THEN 'default' END, 'storage ' || nullif(c.opckeytype, 0)::regtype)
    FROM object AS o
    JOIN pg_opclass AS c ON c.oid = o.oid
    JOIN pg_opfamily AS f ON f.oid = c.opcfamily
    WHERE o.class = 'pg_opclass'::regclass

    UNION ALL
    -- casts
    SELECT
        o.name, 'definition',
        concat_ws(', ', concat('context ', c.castcontext), concat('method ', c.castmethod), nullif(c.castfunc, 0)::regprocedure)
    FROM object AS o
    JOIN pg_cast AS c ON c.oid = o.oid
    WHERE o.class = 'pg_cast'::regclass

    UNION ALL
    -- conversions
    SELECT
        o.name, 'definition',
        concat_ws(', ', pg_encoding_to_char(c.conforencoding), pg_encoding_to_char(c.contoencoding), c.conproc,
            CASE WHEN c.condefault THEN 'default' END)
    FROM object AS o
    JOIN pg_conversion AS c ON c.oid = o.oid
    WHERE o.class = 'pg_conversion'::regclass

    UNION ALL
    -- text search
    SELECT
        o.name, 'mappings',
        coalesce((
            SELECT string_agg(t.alias || ' ' || m.mapdict::regdictionary, ', ' ORDER BY t.tokid, m.mapseqno)
            FROM pg_ts_config_map AS m
            JOIN ts_token_type(c.cfgparser) AS t ON t.tokid = m.maptokentype
            WHERE m.mapcfg = c.oid
        ), 'none')
    FROM object AS o
    JOIN pg_ts_config AS c ON c.oid = o.oid
    WHERE o.class = 'pg_ts_config'::regclass

    UNION ALL
    SELECT o.name, 'definition', concat_ws(', ', t.tmplnamespace::regnamespace || '.' || t.tmplname, d.dictinitoption)
    FROM object AS o
    JOIN pg_ts_dict AS d ON d.oid = o.oid
    JOIN pg_ts_template AS t ON t.oid = d.dicttemplate
    WHERE o.class = 'pg_ts_dict'::regclass

    UNION ALL
    -- extensions, without version: it says which server this is, not what was asked for
    SELECT o.name, 'schema', e.extnamespace::regnamespace::text
    FROM object AS o
    JOIN pg_extension AS e ON e.oid = o.oid
    WHERE o.class = 'pg_extension'::regclass

    UNION ALL
    -- languages and access methods
    SELECT o.name, 'handler', l.lanplcallfoid::regproc::text
    FROM object AS o
    JOIN pg_language AS l ON l.oid = o.oid
    WHERE o.class = 'pg_language'::regclass

    UNION ALL
    SELECT o.name, 'handler', m.amhandler::text
    FROM object AS o
    JOIN pg_am AS m ON m.oid = o.oid
    WHERE o.class = 'pg_am'::regclass

    UNION ALL
    -- event triggers
    SELECT o.name, p.property, p.value
    FROM object AS o
    JOIN pg_event_trigger AS t ON t.oid = o.oid
    CROSS JOIN LATERAL (
        VALUES
            ('definition', concat_ws(' ', 'on', t.evtevent, 'call', t.evtfoid::regproc, 'for ' || array_to_string(t.evttags, ', '))),
            ('fires', CASE t.evtenabled WHEN 'D' THEN 'never' WHEN 'R' THEN 'on replicas' WHEN 'A' THEN 'always' END)
    ) AS p (property, value)
    WHERE o.class = 'pg_event_trigger'::regclass

    UNION ALL
    -- publications
    SELECT
        o.name, 'publishes',
        concat_ws(', ', CASE WHEN p.pubinsert THEN 'insert' END, CASE WHEN p.pubupdate THEN 'update' END,
            CASE WHEN p.pubdelete THEN 'delete' END, CASE WHEN p.pubtruncate THEN 'truncate' END,
            CASE WHEN p.pubviaroot THEN 'via root' END, CASE WHEN p.puballtables THEN 'of all tables' END)
    FROM object AS o
    JOIN pg_publication AS p ON p.oid = o.oid
    WHERE o.class = 'pg_publication'::regclass

    UNION ALL
    -- their tables; row filters and column lists are there since 15
    SELECT
        o.name, 'table ' || r.oid::regclass,
        CASE WHEN some_columns THEN array_to_string(ARRAY(SELECT jsonb_array_elements_text(j.row -> 'attnames')), ', ')
            ELSE 'all columns' END || coalesce(' where ' || (j.row ->> 'rowfilter'), '')
    FROM object AS o
    JOIN pg_publication AS p ON p.oid = o.oid AND NOT p.puballtables
    JOIN pg_publication_tables AS t ON t.pubname = p.pubname
    JOIN relation AS r ON r.relname = t.tablename AND r.relnamespace::regnamespace::text = quote_ident(t.schemaname)
    CROSS JOIN LATERAL to_jsonb(t) AS j (row)
    CROSS JOIN LATERAL (
        SELECT count(*) > 0 FROM pg_attribute AS a
        WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
          AND NOT j.row -> 'attnames' ? a.attname
    ) AS c (some_columns)
    WHERE o.class = 'pg_publication'::regclass

    UNION ALL
    -- foreign-data wrappers, servers, foreign tables; user mappings carry passwords and stay out
    SELECT
        o.name, 'definition',
        concat_ws(', ', 'handler ' || nullif(w.fdwhandler, 0)::regproc, 'validator ' || nullif(w.fdwvalidator, 0)::regproc,
            (SELECT string_agg(x, ', ' ORDER BY x COLLATE "C") FROM unnest(w.fdwoptions) AS x))
    FROM object AS o
    JOIN pg_foreign_data_wrapper AS w ON w.oid = o.oid
    WHERE o.class = 'pg_foreign_data_wrapper'::regclass

    UNION ALL
    SELECT
        o.name, 'definition',
        concat_ws(', ', quote_ident(w.fdwname), 'type ' || s.srvtype, 'version ' || s.srvversion,
            (SELECT string_agg(x, ', ' ORDER BY x COLLATE "C") FROM unnest(s.srvoptions) AS x))
    FROM object AS o
    JOIN pg_foreign_server AS s ON s.oid = o.oid
    JOIN pg_foreign_data_wrapper AS w ON w.oid = s.srvfdw
    WHERE o.class = 'pg_foreign_server'::regclass

    UNION ALL
    SELECT
        o.name, 'server',
        concat_ws(', ', quote_ident(s.srvname),
            (SELECT string_agg(x, ', ' ORDER BY x COLLATE "C") FROM unnest(t.ftoptions) AS x))
    FROM object AS o
    JOIN pg_foreign_table AS t ON t.ftrelid = o.oid
    JOIN pg_foreign_server AS s ON s.oid = t.ftserver
    WHERE o.class = 'pg_class'::regclass AND o.sub = 0

    UNION ALL
    -- comments; an extension's own comes with its files
    SELECT o.name, 'comment', d.description
    FROM object AS o
    JOIN pg_description AS d ON d.classoid = o.class AND d.objoid = o.oid AND d.objsubid = o.sub
    WHERE o.class <> 'pg_extension'::regclass

    UNION ALL
    -- owners, where it is not the owner of the database; who owns the schema public changed in 15
    SELECT o.name, 'owner', o.owner::regrole::text
    FROM object AS o
    JOIN pg_database AS b ON b.datname = current_database() AND b.datdba <> o.owner
    WHERE o.sub = 0 AND o.name !~ '^index '
      AND NOT (o.name = 'schema public' AND (o.owner = 10 OR o.owner::regrole::text = 'pg_database_owner'))

    UNION ALL
    -- privileges: `ALL` where they are all that there are, for a newer server may have more
    SELECT
        a.name, g.verb || CASE g.grantee WHEN 0 THEN 'PUBLIC' WHEN a.owner THEN 'the owner' ELSE g.grantee::regrole::text END
            || CASE WHEN g.is_grantable THEN ' with grant option' ELSE '' END,
        CASE WHEN count(*) > 1 AND count(*) = (
            SELECT count(*) FROM aclexplode(acldefault(a.kind, a.owner)) AS d WHERE d.grantee = a.owner
        ) THEN 'ALL' ELSE string_agg(g.privilege_type, ', ' ORDER BY g.privilege_type COLLATE "C") END
    FROM access AS a
    CROSS JOIN LATERAL (
        (SELECT 'granted to ', grantee, privilege_type, is_grantable FROM aclexplode(a.acl)
        EXCEPT SELECT 'granted to ', grantee, privilege_type, is_grantable FROM aclexplode(a.base))
        UNION ALL
        (SELECT 'revoked from ', grantee, privilege_type, is_grantable FROM aclexplode(a.base)
        EXCEPT SELECT 'revoked from ', grantee, privilege_type, is_grantable FROM aclexplode(a.acl))
    ) AS g (verb, grantee, privilege_type, is_grantable)
    GROUP BY a.name, a.owner, a.kind, g.verb, g.grantee, g.is_grantable
)

SELECT name || ': ' || property AS key, value
FROM fact
WHERE value IS NOT NULL
