"""metrics.backfill, metrics.import-export: whole tables in."""
