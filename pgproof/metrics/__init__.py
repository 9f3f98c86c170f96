"""DynamoDB's items in, metrics in Postgres out, exactly once."""
