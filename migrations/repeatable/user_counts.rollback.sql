-- Derived: nothing is lost.

DROP VIEW IF EXISTS user_counts;
