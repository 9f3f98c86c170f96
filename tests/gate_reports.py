"""Reports made by hand: one with every proof, findings of all severities, and all that can be seen on the way."""

from __future__ import annotations

from pathlib import Path

from pgproof.errors import Location
from pgproof.gate.finding import Finding, Kind
from pgproof.gate.measuring.measured import Lock, Measured, Rehearsal
from pgproof.gate.measuring.traffic import Held, Ran, Traffic, Wait
from pgproof.gate.proof import Evidence, Live, Proof, ProofName, Report, SchemaChange
from pgproof.pg.catalog import Catalog

ROOT = Path("/srv/cruddur")
WIDEN = ROOT / "migrations/0013_widen_likes.sql"
RENAME = ROOT / "migrations/0014_rename_display_name.sql"
HOME = ROOT / "queries/activities/home.sql"

REWRITE = Kind(
    "PG401",
    "table-rewrite",
    "error",
    "a table is written anew while all wait",
    "Nobody can read or write the table until every row is written again and every index built; requests queue up "
    "behind the lock, and the application stands still.",
    "add a column of the new type, fill it in batches, and swap the two",
)
ROWS = Kind("PG202", "rows-changed", "error", "other rows", "The running release shows other data.", "expand first")
SHAPE = Kind("PG203", "shape-changed", "error", "another shape", "The running release breaks.", "expand first")
LOSES = Kind("PG304", "loses-data", "warning", "data is lost", "A rollback does not bring it back.", "keep a copy")
WORSE = Kind("PG501", "plan-worse", "error", "a plan got worse", "Requests take longer.", "keep the index")
FIRST = Kind("PG208", "needs-migration-first", "note", "needs the migration", "Deploy in this order.", "")
DISPROVED = Kind("PG802", "disproved", "note", "a rule is wrong here", "Nothing.", "")
KINDS = (REWRITE, ROWS, SHAPE, LOSES, WORSE, FIRST, DISPROVED)

SAFER = """\
-- 0013_add_likes_count_wide.sql
ALTER TABLE public.likes ADD COLUMN weight_wide bigint;

-- 0014_swap_likes_weight.sql
-- phase: post
ALTER TABLE public.likes DROP COLUMN weight;
ALTER TABLE public.likes RENAME COLUMN weight_wide TO weight;"""

FINDINGS = (
    SHAPE.find(
        Location(RENAME, 3),
        "activities.home misses its column display_name",
        details=(
            "queries/activities/home.sql",
            "column display_name: gone",
            "column likes: integer → bigint",
        ),
    ),
    ROWS.find(
        Location(RENAME, 3),
        "activities.home[andrew] gives other rows",
        details=(
            "queries/activities/home.sql",
            "[andrew] ~ expected 3 rows, actual 2 rows",
            '  ~ row uuid=1a2b: message  expected "Hi <there>"  actual "Hello | you"',
            "  ~ row uuid=3c4d:",
            '  ~   handle      expected "andrew"  actual "bayko"',
            "  ~   created_at  expected null      actual 1",
            '[nobody] - row uuid=5e6f is missing: ["5e6f", "gone"]',
            '  + row uuid=7a8b is new: ["7a8b", "come"]',
            "  … and 2 more",
        ),
    ),
    FIRST.find(Location(HOME, 1), "activities.home does not run on base's schema: deploy the migration first"),
    LOSES.find(
        Location(RENAME, 7), "public.users.bio: 4 of 12 rows lose their value", details=("bayko: Clouds <b>&amp;",)
    ),
    REWRITE.find(
        Location(WIDEN, 4),
        "public.likes is rewritten under ACCESS EXCLUSIVE",
        instead=SAFER,
        details=("200,000 rows, 11.7 MB of WAL", "longest wait of base's contracts: 412 ms (activities.home[andrew])"),
    ),
    Finding(
        REWRITE,
        Location(WIDEN, 6),
        "public.replies is rewritten under ACCESS EXCLUSIVE",
        REWRITE.instead,
        allowed="the table is empty in production",
    ),
    WORSE.find(
        Location(WIDEN, 5),
        "activities.home looks at 12 times the blocks",
        details=(
            "- Index Scan on likes using likes_pkey  rows=3 buffers=4",
            "+ Seq Scan on likes  rows=3 buffers=1471",
            "+     filter: (activity_uuid = $1)",
            "~ Nested Loop  rows=3 buffers=12 → rows=3 buffers=1479",
            "  Index Scan on users  rows=1 buffers=3",
        ),
    ),
    DISPROVED.find(Location(WIDEN, 8), "squawk says adding-field-with-default; measured: no rewrite, no scan"),
)

_USERS = {
    "table public.users: persistence": "permanent",
    "table public.users: order": "uuid, handle, display_name, bio",
    "column public.users.uuid: type": "uuid",
    "column public.users.uuid: not null": "yes",
    "column public.users.handle: type": "text",
    "column public.users.handle: not null": "yes",
    "column public.users.bio: type": "text",
    "constraint users_pkey on public.users: definition": "PRIMARY KEY (uuid)",
    "constraint users_handle_key on public.users: definition": "UNIQUE (handle)",
}
_ACTIVITIES = {
    "table public.activities: order": "uuid, user_uuid, message",
    "column public.activities.uuid: type": "uuid",
    "column public.activities.user_uuid: type": "uuid",
    "column public.activities.message: type": "text",
    "constraint activities_pkey on public.activities: definition": "PRIMARY KEY (uuid)",
    "constraint activities_user_fkey on public.activities: definition": (
        "FOREIGN KEY (user_uuid) REFERENCES public.users(uuid) ON DELETE CASCADE"
    ),
}
_LIKES = {
    "table public.likes: order": "activity_uuid, user_uuid, weight",
    "column public.likes.activity_uuid: type": "uuid",
    "column public.likes.user_uuid: type": "uuid",
    "constraint likes_pkey on public.likes: definition": "PRIMARY KEY (activity_uuid, user_uuid)",
    "constraint likes_activity_fkey on public.likes: definition": (
        "FOREIGN KEY (activity_uuid) REFERENCES public.activities(uuid)"
    ),
}
_ALONE = {"column public.alone.id: type": "integer", "table public.alone: order": "id"}
BEFORE = Catalog(
    _USERS
    | _ACTIVITIES
    | _LIKES
    | _ALONE
    | {
        "column public.users.display_name: type": "text",
        "column public.likes.weight: type": "integer",
        "index public.likes_user_idx: definition": "CREATE INDEX likes_user_idx ON public.likes USING btree (id)",
        "table public.old: order": "id",
        "column public.old.id: type": "integer",
        "view public.handles: definition": " SELECT handle FROM public.users;",
    }
)
AFTER = Catalog(
    _USERS
    | _ACTIVITIES
    | _LIKES
    | _ALONE
    | {
        "column public.users.shown_name: type": "text",
        "column public.likes.weight: type": "bigint",
        'table public."Notes & <more>": order': "id, about",
        'column public."Notes & <more>".id: type': "bigint",
        'column public."Notes & <more>".about: type': "uuid",
        'constraint notes_fkey on public."Notes & <more>": definition': (
            "FOREIGN KEY (about) REFERENCES public.activities(uuid)"
        ),
        "view public.handles: definition": " SELECT handle, bio FROM public.users;",
        "function public.shout(text): definition": "CREATE FUNCTION public.shout(text) …",
    }
)


def _measured(path: Path, line: int, text: str, began: float, took: float, **facts: object) -> Measured:
    return Measured(
        migration=path.stem,
        phase="pre",
        at=Location(path, line),
        text=text,
        kind="AlterTableStmt",
        transactional=True,
        began=began,
        took=took,
        **facts,  # type: ignore[arg-type]
    )


STATEMENTS = (
    _measured(
        WIDEN,
        4,
        "ALTER TABLE public.likes\n    ALTER COLUMN weight TYPE bigint",
        0.0,
        0.412,
        locks=(
            Lock("public.likes", "AccessExclusiveLock", was_there=True, taken=0.001, until=0.47),
            Lock("public.likes_pkey", "AccessExclusiveLock", was_there=True, taken=0.002, until=0.47, kind="index"),
            Lock("public.users", "AccessShareLock", was_there=True, taken=0.002, until=0.47),
            Lock("public.fresh", "AccessExclusiveLock", was_there=False, taken=0.002, until=0.47),
        ),
        rewritten=("public.likes", "public.likes_pkey"),
        said=('rewriting table "likes"', 'building index "likes_pkey" on table "likes" serially'),
        scanned={"public.likes": 200_000},
        wal=11_700_000,
        temporary=2_500_000,
        lock_timeout=5000,
    ),
    _measured(WIDEN, 5, "DROP INDEX public.likes_user_idx", 0.412, 0.0004, wal=1500),
    _measured(
        RENAME,
        3,
        "ALTER TABLE public.users RENAME COLUMN display_name TO shown_name",
        0.0,
        0.0012,
        locks=(Lock("public.users", "AccessExclusiveLock", was_there=True, taken=0.0, until=0.002),),
        written={"public.users": 12},
    ),
)
REHEARSAL = Rehearsal("pgproof_gate_x", STATEMENTS, {"public.likes": 200_000, "public.users": 200_000})
TRAFFIC = Traffic(
    ran=(
        Ran(Location(WIDEN, 4), STATEMENTS[0].text, 0.010, 0.430),
        Ran(Location(WIDEN, 5), STATEMENTS[1].text, 0.431, 0.432),
        Ran(Location(RENAME, 3), STATEMENTS[2].text, 0.480, 0.482),
    ),
    held=(
        Held("public.likes", "AccessExclusiveLock", 0.011, 0.470),
        Held("public.users", "AccessExclusiveLock", 0.480, 0.483),
        Held("public.users", "ShareUpdateExclusiveLock", 0.3, 0.483),
    ),
    waits=(
        Wait("activities.home[andrew]", "public.likes", "AccessShareLock", 0.020, 0.432, Location(WIDEN, 4)),
        Wait("likes.like[again]", "public.likes", "RowExclusiveLock", 0.025, 0.440, Location(WIDEN, 4)),
        Wait("activities.home[andrew]", "public.users", "AccessShareLock", 0.4805, 0.482, None),
    ),
    longest={"activities.home": 0.412, "likes.like": 0.415, "users.show": 0.001},
    calls=1832,
    usual=0.0021,
)
LIVE = Live(REHEARSAL, TRAFFIC, {f"{WIDEN}:4": 84.0})


def proof(
    name: ProofName,
    title: str,
    *findings: Finding,
    note: str = "",
    not_applicable: str = "",
    evidence: Evidence | None = None,
) -> Proof:
    return Proof(name, title, findings, note, not_applicable, evidence, took=0.25)


SCHEMA = SchemaChange(BEFORE, AFTER)
REPORT = Report(
    base="origin/main (1a2b3c4)",
    head="the working tree",
    new=("0013_widen_likes", "0014_rename_display_name"),
    proofs=(
        proof("history", "nothing that was applied has changed", note="12 migrations, 2 new"),
        proof("schema", "one schema, whichever way it is built", note="14 migrations, 2 new", evidence=SCHEMA),
        proof("release", "the running release survives", *FINDINGS[:3], note="30 queries, 263 cases, in 3 steps"),
        proof("way back", "there is a way back", FINDINGS[3], note="5 tables, 214 rows"),
        proof("live", "a live server goes on", *FINDINGS[4:6], note="3 statements at 200,000 rows", evidence=LIVE),
        proof("plans", "no plan gets worse", FINDINGS[6], note="30 queries"),
        proof("order", "either merge order gives the same", not_applicable="origin/main has not gone on"),
        proof("crashes", "a killed run goes on where it was", note="6 points"),
        proof("rules", "the rules agree", FINDINGS[7], note="3 of squawk's, 2 of them confirmed"),
    ),
    server="PostgreSQL 18.6, embedded, in memory",
)
HELD = Report(
    "origin/main (1a2b3c4)",
    "the working tree",
    ("0013_widen_likes",),
    (proof("history", "nothing that was applied has changed", note="12 migrations, 1 new"),),
)
EMPTY = Report("origin/main (1a2b3c4)", "the working tree", (), HELD.proofs)
