"""seeds/ in, rows out (COPY): the data that every database of the project starts with, the same each time."""

from pgproof.seeds.files import CsvSeed, Seed, SqlSeed, fingerprint, read_seeds
from pgproof.seeds.loading import Loaded, load

__all__ = ["CsvSeed", "Loaded", "Seed", "SqlSeed", "fingerprint", "load", "read_seeds"]
