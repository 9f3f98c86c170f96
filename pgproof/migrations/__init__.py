"""migrations/ in, an applied and recorded schema out; the one door to yoyo."""

from pgproof.migrations.changes import Outcome, mark, migrate, repair, roll_back, unmark
from pgproof.migrations.files import Folder, Migration, read_folder
from pgproof.migrations.ledger import fetch_ledger
from pgproof.migrations.new import write_new
from pgproof.migrations.plan import DRIFT, PENDING, Entry, compare, find, pending, to_roll_back
from pgproof.migrations.runner import Event

__all__ = [
    "DRIFT",
    "PENDING",
    "Entry",
    "Event",
    "Folder",
    "Migration",
    "Outcome",
    "compare",
    "fetch_ledger",
    "find",
    "mark",
    "migrate",
    "pending",
    "read_folder",
    "repair",
    "roll_back",
    "to_roll_back",
    "unmark",
    "write_new",
]
