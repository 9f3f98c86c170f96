-- Derived: nothing is lost.

DROP VIEW IF EXISTS notifications;
