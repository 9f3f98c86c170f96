"""A plan in, what is against it out: cfn-lint's findings, and those of our own rules for what it misses."""

from pgproof.rds.judging.judge import judge

__all__ = ["judge"]
