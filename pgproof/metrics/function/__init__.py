"""The flow as a Lambda function."""
