-- Derived: nothing is lost.

DROP VIEW IF EXISTS activity_counts;
