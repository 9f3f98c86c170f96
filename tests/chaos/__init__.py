"""Random histories of a DynamoDB table, and readers who are killed, cut off, late and in each other's way."""
