"""A plan of an RDS instance in, that instance out: made, changed, opened to one address, connected to, stopped."""
