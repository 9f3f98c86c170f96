"""Home and production in, what differs between them out: server, settings, sorting, extensions, ledger, schema."""

from pgproof.parity.compare import compare
from pgproof.parity.mismatch import Mismatch
from pgproof.parity.side import Side, Unseen, fetch_side

__all__ = ["Mismatch", "Side", "Unseen", "compare", "fetch_side"]
