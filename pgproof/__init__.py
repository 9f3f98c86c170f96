"""pgproof proves a Postgres change before it ships."""
