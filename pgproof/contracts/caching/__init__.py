"""A query's `-- cache:` line in, what of it does not hold out: what is kept has to change when the answer does."""
