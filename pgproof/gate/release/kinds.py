"""What the proof of the rolling deploy can find."""

from __future__ import annotations

from pgproof.gate.finding import Kind

REFUSED = Kind(
    "PG201",
    "query-refused",
    "error",
    "a query of the running release is refused once the `pre` migrations are in",
    "From that moment until the new code is out everywhere, the application that runs now gets this error "
    "each time it runs the query.",
    "Add first, take away last: what the running release needs stays until a `-- phase: post` migration, "
    "or the next release.",
)
ROWS = Kind(
    "PG202",
    "rows-changed",
    "error",
    "a query of the running release gives other rows once the `pre` migrations are in",
    "The application that runs now goes on without an error, and shows or works with something else "
    "than what its contract says.",
    "Leave what it reads as it is until the new code is out: write new values to a new column, or change them "
    "in a `-- phase: post` migration. Where the change is meant: `-- breaks: <query> because …`.",
)
SHAPE = Kind(
    "PG203",
    "shape-changed",
    "error",
    "a query of the running release gives other columns or types once the `pre` migrations are in",
    "The application that runs now reads columns by name, place and type: it stumbles over what it does not know, "
    "or takes one value for another.",
    "Give a new column to what is of another kind, and let the running release keep its own until the new code is out.",
)
CACHED_PLAN = Kind(
    "PG204",
    "cached-plan",
    "error",
    "a session that has prepared the query before the migration is refused after it (0A000)",
    "Each pooled connection of the application that has prepared the statement, as drivers do by themselves after "
    "a few calls, gets `cached plan must not change result type`; inside a transaction it stays broken.",
    "In the release before, let the query name its columns instead of `*`, so that a new one does not change its "
    "result; of a column that needs another type, make a new one. Or have the pools connect anew right after the "
    "migration, and say so: `-- breaks: <query> because …`.",
)
MISSES_COLUMN = Kind(
    "PG205",
    "insert-misses-column",
    "error",
    "an INSERT of the running release leaves out a column that may not be NULL and has no default",
    "Every row that the application that runs now wants to add is refused (23502, or 23514 for a check) until the new "
    "code is out.",
    "Give the column a DEFAULT, which costs nothing since PostgreSQL 11, or make it NOT NULL in a `-- phase: post` "
    "migration.",
)
HEAD_ON_PRE = Kind(
    "PG206",
    "head-refused-on-pre",
    "error",
    "a contract of the new release does not hold before the `post` migrations",
    "The new code runs on the schema of the `pre` migrations until `post` is done, which may be minutes or days: "
    "this query is broken for as long.",
    "Move what the new code needs into a migration without `-- phase: post`; only what takes away from the old release "
    "waits for `post`.",
)
HEAD_AFTER_POST = Kind(
    "PG207",
    "head-broken-after-post",
    "error",
    "a contract of the new release does not hold when all migrations are in",
    "The release that this change is for does not do what its own contract says.",
    "Mend the query or the migration; where the result is right as it is now, accept it: `inv query.accept`.",
)
NEEDS_MIGRATION = Kind(
    "PG208",
    "needs-migration-first",
    "note",
    "a query of the new release does not run on the schema as it is now",
    "Code that is deployed before the migration gets this error; with `pre` migrations first, as they are meant, "
    "nobody does.",
    "Deploy in this order: `inv db.migrate --phase=pre`, the code, `inv db.migrate`.",
)
ON_PURPOSE = Kind(
    "PG209",
    "breaks-on-purpose",
    "note",
    "a contract of the running release is broken on purpose",
    "The application that runs now gets this until the new code is out; the change says why that may be.",
    "Nothing to do, if the reason holds.",
)
DENIED = Kind(
    "PG210",
    "permission-denied",
    "error",
    "the application's role may not do what a query does (42501)",
    "The owner, who runs migrations and tests, may do everything, so nobody notices before production: there the "
    "query fails each time.",
    "GRANT in the same migration what the role needs; REVOKE only in `-- phase: post`, when no release needs it.",
)
IDLE_BREAKS = Kind(
    "PG211",
    "idle-breaks",
    "error",
    "`-- breaks:` names a query that nothing breaks",
    "The next change of this query would be let pass in silence, and a reader believes that something breaks.",
    "Take the name out of the line.",
)
STUCK = Kind(
    "PG212",
    "stuck-between",
    "error",
    "the deploy stops between `pre` and `post`",
    "`inv db.migrate --phase=pre` ends with an error: the new code has no schema to run on.",
    "A repeatable runs at the end of each phase: let it fit the schema of `pre`, or make the change that it needs a "
    "migration without `-- phase: post`.",
)

KINDS = (
    REFUSED,
    ROWS,
    SHAPE,
    CACHED_PLAN,
    MISSES_COLUMN,
    HEAD_ON_PRE,
    HEAD_AFTER_POST,
    NEEDS_MIGRATION,
    ON_PURPOSE,
    DENIED,
    IDLE_BREAKS,
    STUCK,
)
