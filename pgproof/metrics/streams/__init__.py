"""DynamoDB's streams in, mirrors brought up to them out."""
