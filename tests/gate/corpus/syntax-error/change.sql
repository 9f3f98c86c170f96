ALTER TABLE posts ADD COLUM subtitle text;
