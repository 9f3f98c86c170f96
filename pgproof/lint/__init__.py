"""A project's SQL in, findings out: sqlfluff for style, squawk for locks, rules of our own for both."""

from pgproof.lint.finding import Finding, Report
from pgproof.lint.fix import Fixed, fix
from pgproof.lint.own import RULES
from pgproof.lint.rule import Rule
from pgproof.lint.run import lint

__all__ = ["RULES", "Finding", "Fixed", "Report", "Rule", "fix", "lint"]
