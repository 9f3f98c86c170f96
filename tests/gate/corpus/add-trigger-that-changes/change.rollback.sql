DROP TRIGGER shout ON posts;
DROP FUNCTION shout();
