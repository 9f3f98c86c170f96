DROP TRIGGER count_likes ON posts;
DROP FUNCTION count_likes();
