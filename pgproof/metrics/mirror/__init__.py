"""What DynamoDB's tables hold, in Postgres."""
