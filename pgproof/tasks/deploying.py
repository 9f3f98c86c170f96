"""metrics.template, metrics.retry: the flow as a Lambda function, and what it set aside."""
