CREATE FUNCTION ask_editor() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF new.editor_id IS NULL THEN RAISE 'no editor'; END IF; RETURN new; END $$;
CREATE TRIGGER ask_editor BEFORE INSERT ON posts FOR EACH ROW EXECUTE FUNCTION ask_editor();
