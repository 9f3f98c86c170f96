"""What can hurt a live server, as records: each with what happens to whom and the safer way in general."""

from pgproof.gate.finding import Kind

TABLE_REWRITE = Kind(
    "PG401",
    "table-rewrite",
    "error",
    "a large table is written anew",
    "Every row is copied into a new file, with every index, and all that reads or writes the table waits until it is "
    "done. The time grows with the table; it needs as much room on the disk again, and replicas get all of it as WAL.",
    "Add what is new beside what is there, fill it in small portions while the server goes on, and take the old away "
    "in `-- phase: post`.",
)
SCAN_UNDER_LOCK = Kind(
    "PG402",
    "scan-under-lock",
    "error",
    "a large table is read through while nobody may read or write it",
    "The server looks at every row to see that the new rule holds, and holds a lock meanwhile that all reads and "
    "writes of the table wait for. The time grows with the table.",
    "Make the constraint NOT VALID, which is done in a moment, and VALIDATE it in a migration of its own, which blocks "
    "neither reads nor writes.",
)
INDEX_BLOCKS = Kind(
    "PG403",
    "index-blocks",
    "error",
    "an index of a large table is built while its writes wait",
    "Whoever inserts, updates or deletes in the table waits until the index is finished; where it is made by ALTER "
    "TABLE, whoever reads does so too. The time grows with the table.",
    "CREATE INDEX CONCURRENTLY in a migration with `-- transactional: false`; a constraint takes it over with USING "
    "INDEX.",
)
VALIDATION_BLOCKS_WRITES = Kind(
    "PG404",
    "validation-blocks-writes",
    "error",
    "a constraint of a large table is validated while writes wait",
    "The server looks at every row to see that the new rule holds, and whoever inserts, updates or deletes meanwhile "
    "waits; with a foreign key, in both tables. The time grows with the table.",
    "Add it NOT VALID, and VALIDATE it in a migration of its own, which blocks neither reads nor writes.",
)
BACKFILL_AT_ONCE = Kind(
    "PG405",
    "backfill-at-once",
    "error",
    "one transaction writes a large part of a large table",
    "Each row that it has written is locked until its end, so whoever wants to change one waits; a deadlock or a "
    "time-out undoes all of it. Vacuum cannot tidy up meanwhile, the table grows, and replicas fall behind.",
    "Write a few thousand rows at a time, each time in a transaction of its own, from a job beside the migrations.",
)
LOCK_KEPT = Kind(
    "PG406",
    "lock-kept",
    "error",
    "a lock is kept while a later statement works through a large table",
    "A migration is one transaction, and a lock is held until its end. What an earlier statement needed for a moment "
    "is now held for as long as this one takes, and all that the lock blocks waits.",
    "Put the two into migrations of their own.",
)
NO_LOCK_TIMEOUT = Kind(
    "PG407",
    "no-lock-timeout",
    "error",
    "a lock that blocks others is waited for without a limit",
    "If a report, a backup or a forgotten session has the table open, the migration waits, and everything that wants "
    "the table queues up behind it: the application stands still for as long as that other session likes.",
    "Leave lock_timeout at a few seconds: the runner gives way, lets the queue pass and tries again.",
)
EXTENSION_UPDATE = Kind(
    "PG408",
    "extension-update",
    "warning",
    "an extension is updated",
    "Its update script may change functions and types that are in use, take any lock and rewrite tables. Its library "
    "on the production server may be another version than here, so what was seen here is not proof.",
    "Read the extension's notes on this update, and do it in a migration of its own, at a quiet hour.",
)
WORK_UNDER_LOCK = Kind(
    "PG409",
    "work-under-lock",
    "warning",
    "a large table is worked through under a lock that blocks others",
    "Whoever wants what is locked waits as long as this statement takes, and that grows with the table.",
    "Do the work first, without the lock; take the lock in a migration of its own that does nothing else.",
)
REFUSED_BY_ROWS = Kind(
    "PG410",
    "refused-by-rows",
    "error",
    "as soon as its table has rows, the server refuses this",
    "On an empty table, and so on the seeds, it works. Production has rows, and the migration fails there.",
    "Add the column with a DEFAULT, or without NOT NULL; fill it; make it NOT NULL afterwards.",
)
NOT_REHEARSED = Kind(
    "PG411",
    "not-rehearsed",
    "warning",
    "rows that the schema of today allows are in its way",
    "The server refuses it on generated rows. Production may have such rows, and then the migration fails there; and "
    "what it does to a live server could not be measured.",
    "Look in production whether there are such rows, and put them right in a migration before this one.",
)

KINDS = (
    TABLE_REWRITE,
    SCAN_UNDER_LOCK,
    INDEX_BLOCKS,
    VALIDATION_BLOCKS_WRITES,
    BACKFILL_AT_ONCE,
    LOCK_KEPT,
    NO_LOCK_TIMEOUT,
    EXTENSION_UPDATE,
    WORK_UNDER_LOCK,
    REFUSED_BY_ROWS,
    NOT_REHEARSED,
)
