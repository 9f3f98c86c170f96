-- The views that read this table are repeatables. pgproof has taken them away by now; stock yoyo does not know them.

DROP VIEW IF EXISTS activity_counts, notifications;
DROP TABLE reposts;
