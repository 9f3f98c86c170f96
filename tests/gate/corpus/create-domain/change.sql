CREATE DOMAIN percentage AS bigint CHECK (value BETWEEN 0 AND 100);
