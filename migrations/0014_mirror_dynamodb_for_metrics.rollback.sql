-- Undoes 0014_mirror_dynamodb_for_metrics: afterwards the catalog is as it was before.

DROP SCHEMA pgproof_metrics CASCADE;
