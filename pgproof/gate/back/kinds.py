"""What can be found on the way back, as records."""

from pgproof.gate.finding import Kind

REFUSED = Kind(
    "PG301",
    "rollback-refused",
    "error",
    "the server refuses the way back",
    "When the release has to be taken back at night, the rollback fails, and the database stays where the release "
    "before cannot use it.",
    "Correct the rollback, and try it: `inv db.redo`. Where there is no way back, say so: `-- irreversible: why`.",
)
LEAVES = Kind(
    "PG302",
    "rollback-leaves",
    "error",
    "the way back leaves another schema than there was before",
    "What is left over or missing meets the next migration, which was tested on another schema, or the release before, "
    "which relies on what is gone.",
    "Undo in the rollback each statement of the migration, in the opposite order, and bring back what was dropped as "
    "it was: type, default, NOT NULL, indexes, constraints, privileges, comments.",
)
ROWS_LOST = Kind(
    "PG303",
    "rows-lost",
    "error",
    "rows or values that were there before are gone or others after the way back",
    "What users have stored before the release is destroyed by deploying it and taking it back: no later version of "
    "the code can bring it back, only a backup.",
    "Write into a new column or table and leave the old one alone; drop the old one with `-- phase: post` in a later "
    "release, when nobody goes back behind this one any more.",
)
LOSES_DATA = Kind(
    "PG304",
    "loses-data",
    "warning",
    "the way back loses data",
    "Whoever takes the release back throws this away: what the new release has stored, or what a dropped column held.",
    "Keep it: let the rollback copy it to where the release before, or the next attempt, finds it; drop a column only "
    "in a later release than the one that stops using it.",
)
BASE_BROKEN = Kind(
    "PG305",
    "base-broken-after-rollback",
    "error",
    "the release before does not work after the way back",
    "The release is taken back because something is wrong, and then the one before it fails as well.",
    "Let the rollback bring back all that the query reads, as it was.",
)
IRREVERSIBLE = Kind(
    "PG306",
    "irreversible",
    "note",
    "there is no way back, on purpose",
    "Once it is deployed, only a new migration or a backup leads anywhere else.",
    "Nothing, if the reason is a good one: have somebody read it who would be called at night.",
)
COLUMN_MOVED = Kind(
    "PG307",
    "column-moved",
    "note",
    "after the way back a table has its columns in another order",
    "Who names columns does not notice; `SELECT *` by position, and COPY or INSERT without a list of columns do.",
    "Nothing can be done: a column that is added again comes last.",
)
ODD_ROW = Kind(
    "PG308",
    "edge-refused",
    "warning",
    "a row that the schema allows makes the migration fail",
    "If production holds such a row, the deploy stops there: the seeds do not have one, your users may.",
    "Count such rows in production before the deploy, and correct them in a migration before; of a type that changes, "
    "say in USING what becomes of a value that does not fit.",
)
NEW_RULE = Kind(
    "PG309",
    "new-rule",
    "note",
    "a new rule refuses a row that was allowed before",
    "That is what a rule is for. If production holds such a row, the deploy stops there: the seeds do not have one.",
    "Count such rows in production before the deploy, and correct them in a migration before.",
)
KINDS = (REFUSED, LEAVES, ROWS_LOST, LOSES_DATA, BASE_BROKEN, IRREVERSIBLE, COLUMN_MOVED, ODD_ROW, NEW_RULE)
