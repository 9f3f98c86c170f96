"""What the proof of the history can find."""

from __future__ import annotations

from pgproof.gate.finding import Kind

UNREADABLE = Kind(
    "PG000",
    "unreadable",
    "error",
    "a file of a migration that the runner refuses to run",
    "`inv db.migrate` stops before it touches anything, on every database, and the deploy with it.",
    "Mend the file as the hint says.",
)
EDITED = Kind(
    "PG001",
    "edited",
    "error",
    "a migration was edited that is applied",
    "Production has run the old text and never runs the new one: `inv db.migrate` stops there, because the checksum "
    "does not match, and a new database is not what production is.",
    "Put the file back as it was, and write what shall be different as a new migration: `inv db.new NAME`.",
)
RENAMED = Kind(
    "PG002",
    "renamed",
    "error",
    "a migration was renamed that is applied",
    "The ledger knows it by its old name: production takes it for missing, the new name for one that is still to run, "
    "and runs nothing at all.",
    "Give it its old name back.",
)
REMOVED = Kind(
    "PG003",
    "removed",
    "error",
    "a migration was removed that is applied",
    "Production has run it and refuses to go on without its file; a new database never gets what it made.",
    "Bring the file back. What it made goes with a new migration that drops it.",
)
OVERTAKEN = Kind(
    "PG004",
    "overtaken",
    "error",
    "a new migration whose number comes before one that is applied",
    "Production would run it after the later one, a new database before it: two orders, which may be two schemas. "
    "`inv db.migrate` refuses it as out of order.",
    "Give it a number after the newest.",
)
NUMBER_TAKEN = Kind(
    "PG005",
    "number-taken",
    "error",
    "a new migration has a number that another one has",
    "Nobody has chosen which of the two runs first, and the runner refuses both.",
    "Give the new one a number after the newest.",
)
NO_WAY_BACK = Kind(
    "PG006",
    "no-way-back",
    "error",
    "a migration without a rollback, which does not say why",
    "When the deploy goes wrong at night, there is no way back but one written at night; the runner refuses to apply "
    "what it cannot undo.",
    "Write its rollback, or say `-- irreversible: why` in its header.",
)
STALE_HEAD = Kind(
    "PG007",
    "stale-head-file",
    "error",
    "migrations/HEAD does not name the newest migration",
    "Two branches that both add a migration would merge without a conflict, and nobody would look at their order.",
    "Let it name the newest migration, in one line; `inv db.new` does so by itself.",
)
PRE_AFTER_POST = Kind(
    "PG008",
    "pre-after-post",
    "error",
    "a migration for before the new code comes after one that waits for it",
    "`inv db.migrate --phase=pre` ends at the first that waits for the new code: this one is not run before the code "
    "goes out, which then meets a schema that it does not know.",
    "Number it before the first `-- phase: post`, or let it be `-- phase: post` as well.",
)
REWORDED = Kind(
    "PG010",
    "reworded",
    "note",
    "comments or layout of an applied migration have changed",
    "It means the same, so nothing is different on any database; `inv db.status` tells of it until it is accepted.",
    "`inv db.repair` accepts it on each database.",
)
ROLLBACK_EDITED = Kind(
    "PG011",
    "rollback-edited",
    "note",
    "the rollback of an applied migration has changed",
    "A rollback runs as its file is on that day: from now on, the way back is the new text.",
    "Nothing, if that is what is meant: `inv db.redo` at a desk tries it.",
)
REPEATABLE_REMOVED = Kind(
    "PG012",
    "repeatable-removed",
    "error",
    "a repeatable was removed, and nothing drops what it made",
    "What it made stays in production, as it was on its last run, and no new database has it.",
    "Drop it in a new migration.",
)
KINDS = (
    UNREADABLE,
    EDITED,
    RENAMED,
    REMOVED,
    OVERTAKEN,
    NUMBER_TAKEN,
    NO_WAY_BACK,
    STALE_HEAD,
    PRE_AFTER_POST,
    REWORDED,
    ROLLBACK_EDITED,
    REPEATABLE_REMOVED,
)
