-- The schema that the migrations give. Written by `inv db.dump`: review it, do not edit it.

SET check_function_bodies = false; -- a function may come before the table it reads

-- Name: pgproof_cache; Type: SCHEMA; Schema: -
CREATE SCHEMA pgproof_cache;

-- Name: SCHEMA pgproof_cache; Type: COMMENT; Schema: -
COMMENT ON SCHEMA pgproof_cache IS 'What pgproof''s cache knows of writes.';

-- Name: pgproof_metrics; Type: SCHEMA; Schema: -
CREATE SCHEMA pgproof_metrics;

-- Name: net; Type: TYPE; Schema: pgproof_metrics
CREATE TYPE pgproof_metrics.net AS (
	metric text,
	day date,
	dimensions jsonb,
	member bytea,
	items bigint,
	amount numeric
);

-- Name: compact(); Type: FUNCTION; Schema: pgproof_cache
CREATE FUNCTION pgproof_cache.compact() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    IF pg_try_advisory_xact_lock(hashtextextended('pgproof_cache.compact', 0)) THEN
        WITH counted AS (
            DELETE FROM pgproof_cache.writes RETURNING name, step
        ), total AS (
            SELECT name, sum(step) AS step FROM counted GROUP BY name
        )
        UPDATE pgproof_cache.tables AS t SET version = t.version + total.step
        FROM total WHERE t.name = total.name;
    END IF;
END $$;

-- Name: flush(text[]); Type: FUNCTION; Schema: pgproof_cache
CREATE FUNCTION pgproof_cache.flush(flushed text[]) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    INSERT INTO pgproof_cache.tables (name) SELECT unnest(flushed) ON CONFLICT DO NOTHING;
    INSERT INTO pgproof_cache.writes (name) SELECT unnest(flushed);
$$;

-- Name: note_migration(); Type: FUNCTION; Schema: pgproof_cache
CREATE FUNCTION pgproof_cache.note_migration() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    INSERT INTO pgproof_cache.writes (name) SELECT name FROM pgproof_cache.tables;
    RETURN NULL;
END $$;

-- Name: note_write(); Type: FUNCTION; Schema: pgproof_cache
CREATE FUNCTION pgproof_cache.note_write() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    INSERT INTO pgproof_cache.writes (name) VALUES (TG_ARGV[0]);
    RETURN NULL;
END $$;

-- Name: report(uuid, jsonb); Type: FUNCTION; Schema: pgproof_cache
CREATE FUNCTION pgproof_cache.report(process uuid, report jsonb) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
    INSERT INTO pgproof_cache.processes (process, report) VALUES ($1, $2)
    ON CONFLICT (process) DO UPDATE SET report = $2, reported_at = now();
    DELETE FROM pgproof_cache.processes WHERE reported_at < now() - interval '1 day';
$_$;

-- Name: sweep(); Type: FUNCTION; Schema: pgproof_cache
CREATE FUNCTION pgproof_cache.sweep() RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    DELETE FROM pgproof_cache.entries WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM pgproof_cache.entries WHERE expires_at <= now()
        ORDER BY expires_at LIMIT 100 FOR UPDATE SKIP LOCKED
    ));
$$;

-- Name: contributions(jsonb); Type: FUNCTION; Schema: pgproof_metrics
CREATE FUNCTION pgproof_metrics.contributions(facts jsonb) RETURNS TABLE(metric text, day date, dimensions jsonb, member bytea, amount numeric)
    LANGUAGE sql STABLE
    AS $$
    SELECT m.name,
        (fact.said ->> 'day')::date,
        CASE m.dimensions WHEN '{}' THEN '{}' ELSE
            (SELECT jsonb_object_agg(d, fact.said -> 'with' -> d) FROM unnest(m.dimensions) AS d)
        END,
        CASE m.measure WHEN 'distinct' THEN sha256(convert_to(fact.said -> 'with' ->> m.field, 'UTF8')) END,
        CASE m.measure WHEN 'sum' THEN (fact.said -> 'with' ->> m.field)::numeric ELSE 1 END
    FROM pgproof_metrics.metric AS m CROSS JOIN LATERAL (SELECT facts -> m.mapping) AS fact (said)
    WHERE fact.said IS NOT NULL AND (m.measure = 'count' OR fact.said -> 'with' ->> m.field IS NOT NULL)
$$;

-- Name: count_change(jsonb[], jsonb[], integer[]); Type: FUNCTION; Schema: pgproof_metrics
CREATE FUNCTION pgproof_metrics.count_change(gained jsonb[], lost jsonb[], sources integer[]) RETURNS void
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
DECLARE
    nets pgproof_metrics.net[];
    gone_members pgproof_metrics.member[];
    gone_days pgproof_metrics.daily[];
BEGIN
    -- An array, for Postgres knows its length, and so looks up the few rows that are meant instead of reading them all.
    SELECT array_agg(net) INTO nets FROM (
        SELECT c.metric, c.day, c.dimensions, c.member, sum(change.times)::bigint, sum(change.times * c.amount)
        FROM (
            SELECT each.facts, sum(each.sign) AS times
            FROM (SELECT 1 AS sign, unnest(gained) AS facts UNION ALL SELECT -1, unnest(lost)) AS each
            GROUP BY each.facts HAVING sum(each.sign) <> 0
        ) AS change
        CROSS JOIN LATERAL pgproof_metrics.contributions(change.facts) AS c
        GROUP BY 1, 2, 3, 4
        HAVING sum(change.times) <> 0 OR sum(change.times * c.amount) <> 0
    ) AS net;
    IF nets IS NULL THEN
        RETURN;
    END IF;
    -- One writer of a source counts at a time. A statement that both adds and updates items comes here twice, so no order
    -- of rows would keep two writers from waiting for each other; and for the row of today they wait all the same.
    PERFORM pg_advisory_xact_lock(hashtext('pgproof_metrics.item'), source)
    FROM (SELECT DISTINCT source FROM unnest(sources) AS source ORDER BY source) AS each;
    WITH net AS MATERIALIZED (
        SELECT * FROM unnest(nets)
    ), members AS (
        INSERT INTO pgproof_metrics.member AS kept (metric, day, dimensions, member, items)
        SELECT metric, day, dimensions, member, items FROM net WHERE member IS NOT NULL
        ON CONFLICT (metric, day, dimensions, member) DO UPDATE SET items = kept.items + excluded.items
        RETURNING *
    ), total AS (
        SELECT metric, day, dimensions, amount AS value, items FROM net WHERE member IS NULL
        UNION ALL
        SELECT metric, day, dimensions,
            count(*) FILTER (WHERE m.items = net.items) - count(*) FILTER (WHERE m.items = 0), sum(net.items)
        FROM members AS m JOIN net USING (metric, day, dimensions, member)
        GROUP BY 1, 2, 3
    ), days AS (
        INSERT INTO pgproof_metrics.daily AS kept (metric, day, dimensions, value, items)
        SELECT metric, day, dimensions, value, items FROM total
        ON CONFLICT (metric, day, dimensions) DO UPDATE
        SET value = kept.value + excluded.value, items = kept.items + excluded.items
        RETURNING *
    )
    SELECT (SELECT array_agg(m::pgproof_metrics.member) FROM members AS m WHERE m.items = 0),
        (SELECT array_agg(d::pgproof_metrics.daily) FROM days AS d WHERE d.items = 0)
    INTO gone_members, gone_days;
    IF gone_members IS NOT NULL THEN
        DELETE FROM pgproof_metrics.member AS kept USING unnest(gone_members) AS gone
        WHERE (kept.metric, kept.day, kept.dimensions, kept.member)
            = (gone.metric, gone.day, gone.dimensions, gone.member);
    END IF;
    IF gone_days IS NOT NULL THEN
        DELETE FROM pgproof_metrics.daily AS kept USING unnest(gone_days) AS gone
        WHERE (kept.metric, kept.day, kept.dimensions) = (gone.metric, gone.day, gone.dimensions);
    END IF;
END $$;

-- Name: follow_items(); Type: FUNCTION; Schema: pgproof_metrics
CREATE FUNCTION pgproof_metrics.follow_items() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    has jsonb[] = '{}';
    had jsonb[] = '{}';
    sources int[] = '{}';
BEGIN
    IF current_setting('pgproof_metrics.paused', true) = 'on' THEN
        RETURN NULL; -- who paused it counts everything anew in the same transaction
    END IF;
    IF tg_op <> 'DELETE' THEN
        has = ARRAY(SELECT facts FROM gained WHERE facts IS NOT NULL);
        sources = ARRAY(SELECT DISTINCT source FROM gained);
    END IF;
    IF tg_op <> 'INSERT' THEN
        had = ARRAY(SELECT facts FROM lost WHERE facts IS NOT NULL);
        sources = sources || ARRAY(SELECT DISTINCT source FROM lost);
    END IF;
    IF has <> had THEN
        PERFORM pgproof_metrics.count_change(has, had, sources);
    END IF;
    RETURN NULL;
END $$;

-- Name: forget_counts(); Type: FUNCTION; Schema: pgproof_metrics
CREATE FUNCTION pgproof_metrics.forget_counts() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    DELETE FROM pgproof_metrics.member;
    DELETE FROM pgproof_metrics.daily AS kept USING pgproof_metrics.metric AS m
    WHERE kept.metric = m.name AND m.definition = '';
    RETURN NULL;
END $$;

-- Name: forget_items(); Type: FUNCTION; Schema: pgproof_metrics
CREATE FUNCTION pgproof_metrics.forget_items() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF tg_op = 'TRUNCATE' THEN
        TRUNCATE pgproof_metrics.item;
    ELSE
        DELETE FROM pgproof_metrics.item WHERE source = old.id;
    END IF;
    RETURN NULL;
END $$;

-- Name: deliveries; Type: TABLE; Schema: pgproof_cache
CREATE TABLE pgproof_cache.deliveries (
    store text NOT NULL,
    name text NOT NULL,
    version numeric NOT NULL
);

-- Name: TABLE deliveries; Type: COMMENT; Schema: pgproof_cache
COMMENT ON TABLE pgproof_cache.deliveries IS 'The outbox: up to which version a store outside was told.';

-- Name: entries; Type: TABLE; Schema: pgproof_cache
CREATE UNLOGGED TABLE pgproof_cache.entries (
    role name DEFAULT CURRENT_USER NOT NULL,
    key bytea NOT NULL,
    value bytea NOT NULL,
    expires_at timestamp with time zone NOT NULL
);

-- Name: TABLE entries; Type: COMMENT; Schema: pgproof_cache
COMMENT ON TABLE pgproof_cache.entries IS 'Results, where Postgres is the backend; empty after a crash.';

-- Name: COLUMN entries.key; Type: COMMENT; Schema: pgproof_cache
COMMENT ON COLUMN pgproof_cache.entries.key IS 'UTF-8, whatever the database''s encoding and collation.';

-- Name: processes; Type: TABLE; Schema: pgproof_cache
CREATE TABLE pgproof_cache.processes (
    process uuid NOT NULL,
    report jsonb NOT NULL,
    reported_at timestamp with time zone DEFAULT now() NOT NULL
);

-- Name: TABLE processes; Type: COMMENT; Schema: pgproof_cache
COMMENT ON TABLE pgproof_cache.processes IS 'What each process of the application counts; one row each.';

-- Name: tables; Type: TABLE; Schema: pgproof_cache
CREATE TABLE pgproof_cache.tables (
    name text NOT NULL,
    version numeric DEFAULT hashtextextended((gen_random_uuid())::text, (0)::bigint) NOT NULL
);

-- Name: TABLE tables; Type: COMMENT; Schema: pgproof_cache
COMMENT ON TABLE pgproof_cache.tables IS 'Watched tables, and queries that were flushed; one row each.';

-- Name: COLUMN tables.version; Type: COMMENT; Schema: pgproof_cache
COMMENT ON COLUMN pgproof_cache.tables.version IS 'The sum of all steps that were added up already.';

-- Name: writes; Type: TABLE; Schema: pgproof_cache
CREATE TABLE pgproof_cache.writes (
    name text NOT NULL,
    step bigint DEFAULT hashtextextended((gen_random_uuid())::text, (0)::bigint) NOT NULL
);

-- Name: TABLE writes; Type: COMMENT; Schema: pgproof_cache
COMMENT ON TABLE pgproof_cache.writes IS 'Statements that wrote, and are not added up yet.';

-- Name: COLUMN writes.step; Type: COMMENT; Schema: pgproof_cache
COMMENT ON COLUMN pgproof_cache.writes.step IS 'By how much it changes the version: random, so none comes back.';

-- Name: daily; Type: TABLE; Schema: pgproof_metrics
CREATE TABLE pgproof_metrics.daily (
    metric text NOT NULL COLLATE pg_catalog."C",
    day date NOT NULL,
    dimensions jsonb DEFAULT '{}'::jsonb NOT NULL,
    value numeric NOT NULL,
    items bigint NOT NULL
)
WITH (fillfactor='70');

-- Name: TABLE daily; Type: COMMENT; Schema: pgproof_metrics
COMMENT ON TABLE pgproof_metrics.daily IS 'The metrics: value of a metric on a day, over so many items.';

-- Name: dead_letter; Type: TABLE; Schema: pgproof_metrics
CREATE TABLE pgproof_metrics.dead_letter (
    id bigint NOT NULL,
    source integer NOT NULL,
    epoch integer NOT NULL,
    record text NOT NULL,
    hash bytea NOT NULL,
    reason text NOT NULL,
    arrived_at timestamp with time zone DEFAULT now() NOT NULL
);

-- Name: dead_letter_id_seq; Type: SEQUENCE; Schema: pgproof_metrics
ALTER TABLE pgproof_metrics.dead_letter ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME pgproof_metrics.dead_letter_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- Name: item; Type: TABLE; Schema: pgproof_metrics
CREATE TABLE pgproof_metrics.item (
    source integer NOT NULL,
    key bytea NOT NULL,
    epoch integer NOT NULL,
    sequence numeric(40,0) NOT NULL,
    deleted boolean DEFAULT false NOT NULL,
    expired boolean DEFAULT false NOT NULL,
    image jsonb,
    facts jsonb,
    problem text,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    gone_at timestamp with time zone GENERATED ALWAYS AS (
CASE
    WHEN (deleted AND (facts IS NULL)) THEN changed_at
    ELSE NULL::timestamp with time zone
END) STORED
)
WITH (fillfactor='90');

-- Name: from_scratch; Type: VIEW; Schema: pgproof_metrics
CREATE VIEW pgproof_metrics.from_scratch AS
 SELECT c.metric,
    c.day,
    c.dimensions,
        CASE
            WHEN (count(c.member) > 0) THEN (count(DISTINCT c.member))::numeric
            ELSE sum(c.amount)
        END AS value,
    count(*) AS items
   FROM (pgproof_metrics.item i
     CROSS JOIN LATERAL pgproof_metrics.contributions(i.facts) c(metric, day, dimensions, member, amount))
  WHERE (i.facts IS NOT NULL)
  GROUP BY c.metric, c.day, c.dimensions;

-- Name: member; Type: TABLE; Schema: pgproof_metrics
CREATE TABLE pgproof_metrics.member (
    metric text NOT NULL COLLATE pg_catalog."C",
    day date NOT NULL,
    dimensions jsonb NOT NULL,
    member bytea NOT NULL,
    items bigint NOT NULL
)
WITH (fillfactor='80');

-- Name: metric; Type: TABLE; Schema: pgproof_metrics
CREATE TABLE pgproof_metrics.metric (
    name text NOT NULL COLLATE pg_catalog."C",
    mapping text NOT NULL,
    measure text NOT NULL,
    field text,
    dimensions text[] DEFAULT '{}'::text[] NOT NULL,
    definition text DEFAULT ''::text NOT NULL,
    refreshed_at timestamp with time zone,
    CONSTRAINT metric_measure_check CHECK ((measure = ANY (ARRAY['count'::text, 'sum'::text, 'distinct'::text])))
);

-- Name: segment; Type: TABLE; Schema: pgproof_metrics
CREATE TABLE pgproof_metrics.segment (
    source integer NOT NULL,
    number integer NOT NULL,
    start_key text,
    items bigint DEFAULT 0 NOT NULL,
    done boolean DEFAULT false NOT NULL
);

-- Name: shard; Type: TABLE; Schema: pgproof_metrics
CREATE TABLE pgproof_metrics.shard (
    source integer NOT NULL,
    id text NOT NULL,
    parent text,
    sequence numeric(40,0),
    read_to timestamp with time zone,
    closed boolean DEFAULT false NOT NULL,
    since timestamp with time zone DEFAULT now() NOT NULL,
    listed_at timestamp with time zone DEFAULT now() NOT NULL
);

-- Name: source; Type: TABLE; Schema: pgproof_metrics
CREATE TABLE pgproof_metrics.source (
    id integer NOT NULL,
    name text NOT NULL,
    stream text,
    keys text[],
    epoch integer DEFAULT 0 NOT NULL,
    phase text DEFAULT 'new'::text NOT NULL,
    mappings text DEFAULT ''::text NOT NULL,
    scan_began_at timestamp with time zone,
    scan_ended_at timestamp with time zone,
    exported_to timestamp with time zone,
    CONSTRAINT source_phase_check CHECK ((phase = ANY (ARRAY['new'::text, 'scanning'::text, 'live'::text])))
);

-- Name: source_id_seq; Type: SEQUENCE; Schema: pgproof_metrics
ALTER TABLE pgproof_metrics.source ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME pgproof_metrics.source_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- Name: activities; Type: TABLE; Schema: public
CREATE TABLE public.activities (
    uuid uuid DEFAULT gen_random_uuid() NOT NULL,
    user_uuid uuid NOT NULL,
    message text NOT NULL,
    expires_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    reply_to_activity_uuid uuid,
    CONSTRAINT activities_expires_after_created_check CHECK ((expires_at > created_at)),
    CONSTRAINT activities_message_length_check CHECK ((char_length(message) <= 280)),
    CONSTRAINT activities_message_not_blank_check CHECK ((message ~ '\S'::text)),
    CONSTRAINT activities_reply_not_to_itself_check CHECK ((reply_to_activity_uuid <> uuid))
);

-- Name: TABLE activities; Type: COMMENT; Schema: public
COMMENT ON TABLE public.activities IS 'Posts, and the replies to them.';

-- Name: COLUMN activities.uuid; Type: COMMENT; Schema: public
COMMENT ON COLUMN public.activities.uuid IS 'Key; part of the post''s address.';

-- Name: COLUMN activities.user_uuid; Type: COMMENT; Schema: public
COMMENT ON COLUMN public.activities.user_uuid IS 'Who wrote it; the post goes when the account goes.';

-- Name: COLUMN activities.message; Type: COMMENT; Schema: public
COMMENT ON COLUMN public.activities.message IS 'The text as typed: at most 280 characters, not blank.';

-- Name: COLUMN activities.expires_at; Type: COMMENT; Schema: public
COMMENT ON COLUMN public.activities.expires_at IS 'From this moment on nobody is shown the post; NULL: it stays.';

-- Name: COLUMN activities.created_at; Type: COMMENT; Schema: public
COMMENT ON COLUMN public.activities.created_at IS 'When it was posted.';

-- Name: COLUMN activities.reply_to_activity_uuid; Type: COMMENT; Schema: public
COMMENT ON COLUMN public.activities.reply_to_activity_uuid IS 'The post it answers; NULL: none, or it was deleted.';

-- Name: likes; Type: TABLE; Schema: public
CREATE TABLE public.likes (
    activity_uuid uuid NOT NULL,
    user_uuid uuid NOT NULL,
    created_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL
);

-- Name: TABLE likes; Type: COMMENT; Schema: public
COMMENT ON TABLE public.likes IS 'Who likes which post.';

-- Name: COLUMN likes.activity_uuid; Type: COMMENT; Schema: public
COMMENT ON COLUMN public.likes.activity_uuid IS 'The post that is liked.';

-- Name: COLUMN likes.user_uuid; Type: COMMENT; Schema: public
COMMENT ON COLUMN public.likes.user_uuid IS 'Who likes it.';

-- Name: COLUMN likes.created_at; Type: COMMENT; Schema: public
COMMENT ON COLUMN public.likes.created_at IS 'Since when.';

-- Name: reposts; Type: TABLE; Schema: public
CREATE TABLE public.reposts (
    activity_uuid uuid NOT NULL,
    user_uuid uuid NOT NULL,
    created_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL
);

-- Name: TABLE reposts; Type: COMMENT; Schema: public
COMMENT ON TABLE public.reposts IS 'Who passes which post on to their followers.';

-- Name: COLUMN reposts.activity_uuid; Type: COMMENT; Schema: public
COMMENT ON COLUMN public.reposts.activity_uuid IS 'The post that is reposted.';

-- Name: COLUMN reposts.user_uuid; Type: COMMENT; Schema: public
COMMENT ON COLUMN public.reposts.user_uuid IS 'Who reposts it.';

-- Name: COLUMN reposts.created_at; Type: COMMENT; Schema: public
COMMENT ON COLUMN public.reposts.created_at IS 'Since when.';

-- Name: activity_counts; Type: VIEW; Schema: public
CREATE VIEW public.activity_counts AS
 SELECT uuid AS activity_uuid,
    ( SELECT count(*) AS count
           FROM public.likes l
          WHERE (l.activity_uuid = a.uuid)) AS likes_count,
    ( SELECT count(*) AS count
           FROM public.reposts r
          WHERE (r.activity_uuid = a.uuid)) AS reposts_count,
    ( SELECT count(*) AS count
           FROM public.activities reply
          WHERE (reply.reply_to_activity_uuid = a.uuid)) AS replies_count
   FROM public.activities a;

-- Name: VIEW activity_counts; Type: COMMENT; Schema: public
COMMENT ON VIEW public.activity_counts IS 'How often each post was liked, reposted and answered; one row a post.';

-- Name: COLUMN activity_counts.activity_uuid; Type: COMMENT; Schema: public
COMMENT ON COLUMN public.activity_counts.activity_uuid IS 'The post.';

-- Name: COLUMN activity_counts.likes_count; Type: COMMENT; Schema: public
COMMENT ON COLUMN public.activity_counts.likes_count IS 'How many people like it.';

-- Name: COLUMN activity_counts.reposts_count; Type: COMMENT; Schema: public
COMMENT ON COLUMN public.activity_counts.reposts_count IS 'How many people passed it on.';

-- Name: COLUMN activity_counts.replies_count; Type: COMMENT; Schema: public
COMMENT ON COLUMN public.activity_counts.replies_count IS 'How many posts answer it directly, expired ones among them.';

-- Name: follows; Type: TABLE; Schema: public
CREATE TABLE public.follows (
    follower_uuid uuid NOT NULL,
    followed_uuid uuid NOT NULL,
    created_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    CONSTRAINT follows_not_self_check CHECK ((follower_uuid <> followed_uuid))
);

-- Name: TABLE follows; Type: COMMENT; Schema: public
COMMENT ON TABLE public.follows IS 'Who reads whom.';

-- Name: COLUMN follows.follower_uuid; Type: COMMENT; Schema: public
COMMENT ON COLUMN public.follows.follower_uuid IS 'Who reads.';

-- Name: COLUMN follows.followed_uuid; Type: COMMENT; Schema: public
COMMENT ON COLUMN public.follows.followed_uuid IS 'Who is read; never the same person.';

-- Name: COLUMN follows.created_at; Type: COMMENT; Schema: public
COMMENT ON COLUMN public.follows.created_at IS 'Since when.';

-- Name: notifications; Type: VIEW; Schema: public
CREATE VIEW public.notifications AS
 SELECT a.user_uuid AS recipient_uuid,
    'like'::text AS kind,
    l.user_uuid AS actor_uuid,
    l.activity_uuid,
    l.created_at
   FROM (public.likes l
     JOIN public.activities a ON ((l.activity_uuid = a.uuid)))
  WHERE (l.user_uuid <> a.user_uuid)
UNION ALL
 SELECT a.user_uuid AS recipient_uuid,
    'repost'::text AS kind,
    r.user_uuid AS actor_uuid,
    r.activity_uuid,
    r.created_at
   FROM (public.reposts r
     JOIN public.activities a ON ((r.activity_uuid = a.uuid)))
  WHERE (r.user_uuid <> a.user_uuid)
UNION ALL
 SELECT a.user_uuid AS recipient_uuid,
    'reply'::text AS kind,
    reply.user_uuid AS actor_uuid,
    reply.uuid AS activity_uuid,
    reply.created_at
   FROM (public.activities reply
     JOIN public.activities a ON ((reply.reply_to_activity_uuid = a.uuid)))
  WHERE (reply.user_uuid <> a.user_uuid)
UNION ALL
 SELECT f.followed_uuid AS recipient_uuid,
    'follow'::text AS kind,
    f.follower_uuid AS actor_uuid,
    NULL::uuid AS activity_uuid,
    f.created_at
   FROM public.follows f;

-- Name: VIEW notifications; Type: COMMENT; Schema: public
COMMENT ON VIEW public.notifications IS 'What happened to whom: likes, reposts, replies and follows by others.';

-- Name: COLUMN notifications.recipient_uuid; Type: COMMENT; Schema: public
COMMENT ON COLUMN public.notifications.recipient_uuid IS 'Who is told.';

-- Name: COLUMN notifications.kind; Type: COMMENT; Schema: public
COMMENT ON COLUMN public.notifications.kind IS 'like, repost, reply or follow.';

-- Name: COLUMN notifications.actor_uuid; Type: COMMENT; Schema: public
COMMENT ON COLUMN public.notifications.actor_uuid IS 'Who did it; never the recipient.';

-- Name: COLUMN notifications.activity_uuid; Type: COMMENT; Schema: public
COMMENT ON COLUMN public.notifications.activity_uuid IS 'The post that is liked or reposted, or the reply; NULL: a follow.';

-- Name: COLUMN notifications.created_at; Type: COMMENT; Schema: public
COMMENT ON COLUMN public.notifications.created_at IS 'When it happened.';

-- Name: users; Type: TABLE; Schema: public
CREATE TABLE public.users (
    uuid uuid DEFAULT gen_random_uuid() NOT NULL,
    handle text NOT NULL COLLATE pg_catalog."C",
    email text NOT NULL,
    cognito_user_id text NOT NULL,
    display_name text NOT NULL,
    created_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    bio text,
    notifications_seen_at timestamp with time zone,
    CONSTRAINT users_bio_length_check CHECK ((char_length(bio) <= 160)),
    CONSTRAINT users_cognito_user_id_not_empty_check CHECK ((cognito_user_id <> ''::text)),
    CONSTRAINT users_display_name_length_check CHECK (((char_length(display_name) >= 1) AND (char_length(display_name) <= 50))),
    CONSTRAINT users_email_format_check CHECK ((email ~ '^[^@\s]+@[^@\s]+$'::text)),
    CONSTRAINT users_handle_format_check CHECK ((handle ~ '^[A-Za-z0-9_]{1,30}$'::text))
);

-- Name: TABLE users; Type: COMMENT; Schema: public
COMMENT ON TABLE public.users IS 'Accounts: one row for each that Cognito has confirmed.';

-- Name: COLUMN users.uuid; Type: COMMENT; Schema: public
COMMENT ON COLUMN public.users.uuid IS 'Key within this database; never shown to people.';

-- Name: COLUMN users.handle; Type: COMMENT; Schema: public
COMMENT ON COLUMN public.users.handle IS 'Name after the @: 1 to 30 ASCII letters, digits, _; unique whatever its case.';

-- Name: COLUMN users.email; Type: COMMENT; Schema: public
COMMENT ON COLUMN public.users.email IS 'Address that Cognito confirmed; unique whatever its case; private.';

-- Name: COLUMN users.cognito_user_id; Type: COMMENT; Schema: public
COMMENT ON COLUMN public.users.cognito_user_id IS 'The sub claim of the account''s Cognito tokens; private.';

-- Name: COLUMN users.display_name; Type: COMMENT; Schema: public
COMMENT ON COLUMN public.users.display_name IS 'Name as the person writes it, 1 to 50 characters; need not be unique.';

-- Name: COLUMN users.created_at; Type: COMMENT; Schema: public
COMMENT ON COLUMN public.users.created_at IS 'When the account was confirmed.';

-- Name: COLUMN users.bio; Type: COMMENT; Schema: public
COMMENT ON COLUMN public.users.bio IS 'About oneself, at most 160 characters; NULL: never written, empty: taken back.';

-- Name: COLUMN users.notifications_seen_at; Type: COMMENT; Schema: public
COMMENT ON COLUMN public.users.notifications_seen_at IS 'Notifications up to then have been looked at; NULL: none.';

-- Name: user_counts; Type: VIEW; Schema: public
CREATE VIEW public.user_counts AS
 SELECT uuid AS user_uuid,
    ( SELECT count(*) AS count
           FROM public.activities a
          WHERE (a.user_uuid = u.uuid)) AS activities_count,
    ( SELECT count(*) AS count
           FROM public.follows f
          WHERE (f.followed_uuid = u.uuid)) AS followers_count,
    ( SELECT count(*) AS count
           FROM public.follows f
          WHERE (f.follower_uuid = u.uuid)) AS following_count
   FROM public.users u;

-- Name: VIEW user_counts; Type: COMMENT; Schema: public
COMMENT ON VIEW public.user_counts IS 'How much each person writes, reads and is read; one row a person.';

-- Name: COLUMN user_counts.user_uuid; Type: COMMENT; Schema: public
COMMENT ON COLUMN public.user_counts.user_uuid IS 'The person.';

-- Name: COLUMN user_counts.activities_count; Type: COMMENT; Schema: public
COMMENT ON COLUMN public.user_counts.activities_count IS 'How many posts and replies they wrote, expired ones among them.';

-- Name: COLUMN user_counts.followers_count; Type: COMMENT; Schema: public
COMMENT ON COLUMN public.user_counts.followers_count IS 'How many people read them.';

-- Name: COLUMN user_counts.following_count; Type: COMMENT; Schema: public
COMMENT ON COLUMN public.user_counts.following_count IS 'How many people they read.';

-- Name: deliveries deliveries_pkey; Type: CONSTRAINT; Schema: pgproof_cache
ALTER TABLE ONLY pgproof_cache.deliveries
    ADD CONSTRAINT deliveries_pkey PRIMARY KEY (store, name);

-- Name: entries entries_pkey; Type: CONSTRAINT; Schema: pgproof_cache
ALTER TABLE ONLY pgproof_cache.entries
    ADD CONSTRAINT entries_pkey PRIMARY KEY (role, key);

-- Name: processes processes_pkey; Type: CONSTRAINT; Schema: pgproof_cache
ALTER TABLE ONLY pgproof_cache.processes
    ADD CONSTRAINT processes_pkey PRIMARY KEY (process);

-- Name: tables tables_pkey; Type: CONSTRAINT; Schema: pgproof_cache
ALTER TABLE ONLY pgproof_cache.tables
    ADD CONSTRAINT tables_pkey PRIMARY KEY (name);

-- Name: writes writes_pkey; Type: CONSTRAINT; Schema: pgproof_cache
ALTER TABLE ONLY pgproof_cache.writes
    ADD CONSTRAINT writes_pkey PRIMARY KEY (name, step);

-- Name: daily daily_pkey; Type: CONSTRAINT; Schema: pgproof_metrics
ALTER TABLE ONLY pgproof_metrics.daily
    ADD CONSTRAINT daily_pkey PRIMARY KEY (metric, day, dimensions);

-- Name: dead_letter dead_letter_pkey; Type: CONSTRAINT; Schema: pgproof_metrics
ALTER TABLE ONLY pgproof_metrics.dead_letter
    ADD CONSTRAINT dead_letter_pkey PRIMARY KEY (id);

-- Name: dead_letter dead_letter_source_hash_key; Type: CONSTRAINT; Schema: pgproof_metrics
ALTER TABLE ONLY pgproof_metrics.dead_letter
    ADD CONSTRAINT dead_letter_source_hash_key UNIQUE (source, hash);

-- Name: item item_pkey; Type: CONSTRAINT; Schema: pgproof_metrics
ALTER TABLE ONLY pgproof_metrics.item
    ADD CONSTRAINT item_pkey PRIMARY KEY (source, key);

-- Name: member member_pkey; Type: CONSTRAINT; Schema: pgproof_metrics
ALTER TABLE ONLY pgproof_metrics.member
    ADD CONSTRAINT member_pkey PRIMARY KEY (metric, day, dimensions, member);

-- Name: metric metric_pkey; Type: CONSTRAINT; Schema: pgproof_metrics
ALTER TABLE ONLY pgproof_metrics.metric
    ADD CONSTRAINT metric_pkey PRIMARY KEY (name);

-- Name: segment segment_pkey; Type: CONSTRAINT; Schema: pgproof_metrics
ALTER TABLE ONLY pgproof_metrics.segment
    ADD CONSTRAINT segment_pkey PRIMARY KEY (source, number);

-- Name: shard shard_pkey; Type: CONSTRAINT; Schema: pgproof_metrics
ALTER TABLE ONLY pgproof_metrics.shard
    ADD CONSTRAINT shard_pkey PRIMARY KEY (source, id);

-- Name: source source_name_key; Type: CONSTRAINT; Schema: pgproof_metrics
ALTER TABLE ONLY pgproof_metrics.source
    ADD CONSTRAINT source_name_key UNIQUE (name);

-- Name: source source_pkey; Type: CONSTRAINT; Schema: pgproof_metrics
ALTER TABLE ONLY pgproof_metrics.source
    ADD CONSTRAINT source_pkey PRIMARY KEY (id);

-- Name: activities activities_pkey; Type: CONSTRAINT; Schema: public
ALTER TABLE ONLY public.activities
    ADD CONSTRAINT activities_pkey PRIMARY KEY (uuid);

-- Name: follows follows_pkey; Type: CONSTRAINT; Schema: public
ALTER TABLE ONLY public.follows
    ADD CONSTRAINT follows_pkey PRIMARY KEY (follower_uuid, followed_uuid);

-- Name: likes likes_pkey; Type: CONSTRAINT; Schema: public
ALTER TABLE ONLY public.likes
    ADD CONSTRAINT likes_pkey PRIMARY KEY (activity_uuid, user_uuid);

-- Name: reposts reposts_pkey; Type: CONSTRAINT; Schema: public
ALTER TABLE ONLY public.reposts
    ADD CONSTRAINT reposts_pkey PRIMARY KEY (activity_uuid, user_uuid);

-- Name: users users_cognito_user_id_key; Type: CONSTRAINT; Schema: public
ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_cognito_user_id_key UNIQUE (cognito_user_id);

-- Name: users users_pkey; Type: CONSTRAINT; Schema: public
ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (uuid);

-- Name: deliveries_by_name; Type: INDEX; Schema: pgproof_cache
CREATE INDEX deliveries_by_name ON pgproof_cache.deliveries USING btree (name);

-- Name: entries_by_expiry; Type: INDEX; Schema: pgproof_cache
CREATE INDEX entries_by_expiry ON pgproof_cache.entries USING btree (expires_at);

-- Name: item_that_is_gone; Type: INDEX; Schema: pgproof_metrics
CREATE INDEX item_that_is_gone ON pgproof_metrics.item USING btree (source, gone_at) WHERE (gone_at IS NOT NULL);

-- Name: item_with_a_problem; Type: INDEX; Schema: pgproof_metrics
CREATE INDEX item_with_a_problem ON pgproof_metrics.item USING btree (source) WHERE (problem IS NOT NULL);

-- Name: activities_created_at_uuid_idx; Type: INDEX; Schema: public
CREATE INDEX activities_created_at_uuid_idx ON public.activities USING btree (created_at DESC, uuid DESC);

-- Name: activities_expires_at_idx; Type: INDEX; Schema: public
CREATE INDEX activities_expires_at_idx ON public.activities USING btree (expires_at) WHERE (expires_at IS NOT NULL);

-- Name: activities_message_words_idx; Type: INDEX; Schema: public
CREATE INDEX activities_message_words_idx ON public.activities USING gin (to_tsvector('simple'::regconfig, message));

-- Name: activities_reply_to_activity_uuid_idx; Type: INDEX; Schema: public
CREATE INDEX activities_reply_to_activity_uuid_idx ON public.activities USING btree (reply_to_activity_uuid, created_at, uuid);

-- Name: activities_user_uuid_created_at_uuid_idx; Type: INDEX; Schema: public
CREATE INDEX activities_user_uuid_created_at_uuid_idx ON public.activities USING btree (user_uuid, created_at DESC, uuid DESC);

-- Name: follows_followed_uuid_created_at_idx; Type: INDEX; Schema: public
CREATE INDEX follows_followed_uuid_created_at_idx ON public.follows USING btree (followed_uuid, created_at DESC);

-- Name: likes_user_uuid_created_at_idx; Type: INDEX; Schema: public
CREATE INDEX likes_user_uuid_created_at_idx ON public.likes USING btree (user_uuid, created_at DESC);

-- Name: reposts_user_uuid_created_at_idx; Type: INDEX; Schema: public
CREATE INDEX reposts_user_uuid_created_at_idx ON public.reposts USING btree (user_uuid, created_at DESC);

-- Name: users_email_key; Type: INDEX; Schema: public
CREATE UNIQUE INDEX users_email_key ON public.users USING btree (lower(email));

-- Name: users_handle_key; Type: INDEX; Schema: public
CREATE UNIQUE INDEX users_handle_key ON public.users USING btree (lower(handle));

-- Name: item count_changed; Type: TRIGGER; Schema: pgproof_metrics
CREATE TRIGGER count_changed AFTER UPDATE ON pgproof_metrics.item REFERENCING OLD TABLE AS lost NEW TABLE AS gained FOR EACH STATEMENT EXECUTE FUNCTION pgproof_metrics.follow_items();

-- Name: item count_gained; Type: TRIGGER; Schema: pgproof_metrics
CREATE TRIGGER count_gained AFTER INSERT ON pgproof_metrics.item REFERENCING NEW TABLE AS gained FOR EACH STATEMENT EXECUTE FUNCTION pgproof_metrics.follow_items();

-- Name: item count_lost; Type: TRIGGER; Schema: pgproof_metrics
CREATE TRIGGER count_lost AFTER DELETE ON pgproof_metrics.item REFERENCING OLD TABLE AS lost FOR EACH STATEMENT EXECUTE FUNCTION pgproof_metrics.follow_items();

-- Name: item count_nothing; Type: TRIGGER; Schema: pgproof_metrics
CREATE TRIGGER count_nothing AFTER TRUNCATE ON pgproof_metrics.item FOR EACH STATEMENT EXECUTE FUNCTION pgproof_metrics.forget_counts();

-- Name: source forget_all_items; Type: TRIGGER; Schema: pgproof_metrics
CREATE TRIGGER forget_all_items AFTER TRUNCATE ON pgproof_metrics.source FOR EACH STATEMENT EXECUTE FUNCTION pgproof_metrics.forget_items();

-- Name: source forget_items; Type: TRIGGER; Schema: pgproof_metrics
CREATE TRIGGER forget_items AFTER DELETE ON pgproof_metrics.source FOR EACH ROW EXECUTE FUNCTION pgproof_metrics.forget_items();

-- Name: activities pgproof_cache; Type: TRIGGER; Schema: public
CREATE TRIGGER pgproof_cache AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON public.activities FOR EACH STATEMENT EXECUTE FUNCTION pgproof_cache.note_write('public.activities');

ALTER TABLE public.activities ENABLE ALWAYS TRIGGER pgproof_cache;

-- Name: follows pgproof_cache; Type: TRIGGER; Schema: public
CREATE TRIGGER pgproof_cache AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON public.follows FOR EACH STATEMENT EXECUTE FUNCTION pgproof_cache.note_write('public.follows');

ALTER TABLE public.follows ENABLE ALWAYS TRIGGER pgproof_cache;

-- Name: likes pgproof_cache; Type: TRIGGER; Schema: public
CREATE TRIGGER pgproof_cache AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON public.likes FOR EACH STATEMENT EXECUTE FUNCTION pgproof_cache.note_write('public.likes');

ALTER TABLE public.likes ENABLE ALWAYS TRIGGER pgproof_cache;

-- Name: reposts pgproof_cache; Type: TRIGGER; Schema: public
CREATE TRIGGER pgproof_cache AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON public.reposts FOR EACH STATEMENT EXECUTE FUNCTION pgproof_cache.note_write('public.reposts');

ALTER TABLE public.reposts ENABLE ALWAYS TRIGGER pgproof_cache;

-- Name: users pgproof_cache; Type: TRIGGER; Schema: public
CREATE TRIGGER pgproof_cache AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON public.users FOR EACH STATEMENT EXECUTE FUNCTION pgproof_cache.note_write('public.users');

ALTER TABLE public.users ENABLE ALWAYS TRIGGER pgproof_cache;

-- Name: deliveries deliveries_name_fkey; Type: FK CONSTRAINT; Schema: pgproof_cache
ALTER TABLE ONLY pgproof_cache.deliveries
    ADD CONSTRAINT deliveries_name_fkey FOREIGN KEY (name) REFERENCES pgproof_cache.tables(name) ON DELETE CASCADE;

-- Name: daily daily_metric_fkey; Type: FK CONSTRAINT; Schema: pgproof_metrics
ALTER TABLE ONLY pgproof_metrics.daily
    ADD CONSTRAINT daily_metric_fkey FOREIGN KEY (metric) REFERENCES pgproof_metrics.metric(name) ON DELETE CASCADE;

-- Name: dead_letter dead_letter_source_fkey; Type: FK CONSTRAINT; Schema: pgproof_metrics
ALTER TABLE ONLY pgproof_metrics.dead_letter
    ADD CONSTRAINT dead_letter_source_fkey FOREIGN KEY (source) REFERENCES pgproof_metrics.source(id) ON DELETE CASCADE;

-- Name: segment segment_source_fkey; Type: FK CONSTRAINT; Schema: pgproof_metrics
ALTER TABLE ONLY pgproof_metrics.segment
    ADD CONSTRAINT segment_source_fkey FOREIGN KEY (source) REFERENCES pgproof_metrics.source(id) ON DELETE CASCADE;

-- Name: shard shard_source_fkey; Type: FK CONSTRAINT; Schema: pgproof_metrics
ALTER TABLE ONLY pgproof_metrics.shard
    ADD CONSTRAINT shard_source_fkey FOREIGN KEY (source) REFERENCES pgproof_metrics.source(id) ON DELETE CASCADE;

-- Name: activities activities_reply_to_activity_uuid_fkey; Type: FK CONSTRAINT; Schema: public
ALTER TABLE ONLY public.activities
    ADD CONSTRAINT activities_reply_to_activity_uuid_fkey FOREIGN KEY (reply_to_activity_uuid) REFERENCES public.activities(uuid) ON DELETE SET NULL;

-- Name: activities activities_user_uuid_fkey; Type: FK CONSTRAINT; Schema: public
ALTER TABLE ONLY public.activities
    ADD CONSTRAINT activities_user_uuid_fkey FOREIGN KEY (user_uuid) REFERENCES public.users(uuid) ON DELETE CASCADE;

-- Name: follows follows_followed_uuid_fkey; Type: FK CONSTRAINT; Schema: public
ALTER TABLE ONLY public.follows
    ADD CONSTRAINT follows_followed_uuid_fkey FOREIGN KEY (followed_uuid) REFERENCES public.users(uuid) ON DELETE CASCADE;

-- Name: follows follows_follower_uuid_fkey; Type: FK CONSTRAINT; Schema: public
ALTER TABLE ONLY public.follows
    ADD CONSTRAINT follows_follower_uuid_fkey FOREIGN KEY (follower_uuid) REFERENCES public.users(uuid) ON DELETE CASCADE;

-- Name: likes likes_activity_uuid_fkey; Type: FK CONSTRAINT; Schema: public
ALTER TABLE ONLY public.likes
    ADD CONSTRAINT likes_activity_uuid_fkey FOREIGN KEY (activity_uuid) REFERENCES public.activities(uuid) ON DELETE CASCADE;

-- Name: likes likes_user_uuid_fkey; Type: FK CONSTRAINT; Schema: public
ALTER TABLE ONLY public.likes
    ADD CONSTRAINT likes_user_uuid_fkey FOREIGN KEY (user_uuid) REFERENCES public.users(uuid) ON DELETE CASCADE;

-- Name: reposts reposts_activity_uuid_fkey; Type: FK CONSTRAINT; Schema: public
ALTER TABLE ONLY public.reposts
    ADD CONSTRAINT reposts_activity_uuid_fkey FOREIGN KEY (activity_uuid) REFERENCES public.activities(uuid) ON DELETE CASCADE;

-- Name: reposts reposts_user_uuid_fkey; Type: FK CONSTRAINT; Schema: public
ALTER TABLE ONLY public.reposts
    ADD CONSTRAINT reposts_user_uuid_fkey FOREIGN KEY (user_uuid) REFERENCES public.users(uuid) ON DELETE CASCADE;

-- Name: entries; Type: ROW SECURITY; Schema: pgproof_cache
ALTER TABLE pgproof_cache.entries ENABLE ROW LEVEL SECURITY;

-- Name: entries own; Type: POLICY; Schema: pgproof_cache
CREATE POLICY own ON pgproof_cache.entries USING ((role = CURRENT_USER));

-- Name: SCHEMA pgproof_cache; Type: ACL; Schema: -
GRANT USAGE ON SCHEMA pgproof_cache TO PUBLIC;

-- Name: TABLE entries; Type: ACL; Schema: pgproof_cache
GRANT SELECT,INSERT,UPDATE ON TABLE pgproof_cache.entries TO PUBLIC;

-- Name: TABLE tables; Type: ACL; Schema: pgproof_cache
GRANT SELECT ON TABLE pgproof_cache.tables TO PUBLIC;

-- Name: TABLE writes; Type: ACL; Schema: pgproof_cache
GRANT SELECT ON TABLE pgproof_cache.writes TO PUBLIC;
