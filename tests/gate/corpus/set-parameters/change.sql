ALTER TABLE posts
    ALTER COLUMN title SET STATISTICS 500,
    ALTER COLUMN title SET STORAGE EXTERNAL,
    ALTER COLUMN title SET COMPRESSION pglz,
    SET (fillfactor = 80);
COMMENT ON TABLE posts IS 'what people have written';
