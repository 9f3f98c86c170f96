CREATE FUNCTION count_likes() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.likes := coalesce(new.likes, 0); RETURN new; END $$;
CREATE TRIGGER count_likes BEFORE INSERT ON posts FOR EACH ROW EXECUTE FUNCTION count_likes();
