DROP TRIGGER ask_editor ON posts;
DROP FUNCTION ask_editor();
