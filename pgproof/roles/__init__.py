"""A database in, four roles out: one owns it, one migrates it, one uses it, one reads it, and none may do more."""

from pgproof.roles.held import find_held
from pgproof.roles.keeping import Kept, Role, Wish, ensure_roles, find_missing

__all__ = ["Kept", "Role", "Wish", "ensure_roles", "find_held", "find_missing"]
