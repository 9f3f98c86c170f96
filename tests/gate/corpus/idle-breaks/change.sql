-- breaks: users.show because of nothing

ALTER TABLE posts ADD COLUMN subtitle text;
