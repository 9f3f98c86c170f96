-- transactional: false

VACUUM FULL posts;
