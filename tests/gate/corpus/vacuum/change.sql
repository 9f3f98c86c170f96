-- transactional: false

VACUUM (ANALYZE) posts;
