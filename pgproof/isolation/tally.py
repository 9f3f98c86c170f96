"""What the processes of a run made in, one line about it out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Tally:
    """What was made of a server.

    Attributes:
        server: which, for a person; empty if no test asked for one.
        made: clones.
        reused: how often a clone served one more test.
        kept: clones of failed tests that stay.
        trouble: what went wrong when all was over.
    """

    server: str = ""
    made: int = 0
    reused: int = 0
    kept: int = 0
    trouble: str = ""

    def add(self, other: Tally) -> None:
        """Count in what another process made."""
        self.server = self.server or other.server
        self.made += other.made
        self.reused += other.reused
        self.kept += other.kept
        self.trouble = self.trouble or other.trouble

    def __str__(self) -> str:
        kept = f", {self.kept} kept" if self.kept else ""
        trouble = f"; {self.trouble}" if self.trouble else ""
        return f"{self.server}; clones: {self.made} made, {self.reused} reused{kept}{trouble}"
