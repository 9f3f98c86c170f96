"""Where Postgres comes from and what is in it: servers, databases, locks, catalogs."""
