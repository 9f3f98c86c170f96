-- irreversible: before 17 no column can be made a generated one again

ALTER TABLE posts ALTER COLUMN size DROP EXPRESSION;
