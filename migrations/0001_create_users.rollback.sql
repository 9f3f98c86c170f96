-- Every account goes, and with it who wrote what: dump the table first where it has rows.

DROP TABLE users;
