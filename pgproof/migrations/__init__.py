"""migrations/ in, an applied and recorded schema out; the one door to yoyo."""

from pgproof.migrations.changes import find_pending, migrate, roll_back
from pgproof.migrations.events import Event, Outcome
from pgproof.migrations.files import Folder, Migration, read_folder
from pgproof.migrations.ledger import fetch_ledger
from pgproof.migrations.plan import DRIFT, PENDING, Entry, before_code, compare, find, to_repeat, to_roll_back, up_to

__all__ = [
    "DRIFT",
    "PENDING",
    "Entry",
    "Event",
    "Folder",
    "Migration",
    "Outcome",
    "before_code",
    "compare",
    "fetch_ledger",
    "find",
    "find_pending",
    "migrate",
    "read_folder",
    "roll_back",
    "to_repeat",
    "to_roll_back",
    "up_to",
]
