"""metrics.init, metrics.check, metrics.seed: what a project's metrics need."""
