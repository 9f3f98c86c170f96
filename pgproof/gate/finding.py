"""What the gate tells: kinds of findings, and findings with file and line, what happens to whom, and the safer way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pgproof.sqltext import hide_passwords

if TYPE_CHECKING:
    from pgproof.errors import Location

Severity = Literal["error", "warning", "note"]
"""An error breaks its proof; a warning is for a person to weigh; a note says what was looked at and is well."""


@dataclass(frozen=True)
class Kind:
    """What can be found, once for all: its example is a case of the corpus, its page is made from both.

    Attributes:
        id: `PG401`; the first digit is its proof's.
        name: the same in words: `table-rewrite`.
        severity: of its findings.
        what: what was found, in half a sentence.
        happens: what happens to whom, in plain words.
        instead: the safer way in general; a finding may have one that can be pasted.
    """

    id: str
    name: str
    severity: Severity
    what: str
    happens: str
    instead: str

    def find(self, at: Location, what: str, *, instead: str = "", details: tuple[str, ...] = ()) -> Finding:
        """Return a finding of this kind; a password in what it quotes is hidden.

        Args:
            at: the statement or file that a person has to change.
            what: one line that names tables, queries, numbers.
            instead: the safer way, as text to paste into migrations; the kind's own where there is none.
            details: further lines: a plan, a difference, what the server said.
        """
        said = tuple(map(hide_passwords, details))
        return Finding(self, at, hide_passwords(what), hide_passwords(instead) or self.instead, said)


@dataclass(frozen=True)
class Finding:
    """One thing that was found; `allowed` is the reason for which a person lets it pass."""

    kind: Kind
    at: Location
    what: str
    instead: str
    details: tuple[str, ...] = ()
    allowed: str = ""

    @property
    def severity(self) -> Severity:
        """How much it weighs: what is allowed is a note."""
        return "note" if self.allowed else self.kind.severity

    @property
    def order(self) -> tuple[str, int, str, str]:
        """Where it stands among others: by file, line, kind, words."""
        return str(self.at.path), self.at.line or 0, self.kind.id, self.what
