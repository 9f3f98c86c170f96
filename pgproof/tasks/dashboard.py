"""metrics.show, metrics.status, metrics.verify: what the metrics say, and whether they are right."""
