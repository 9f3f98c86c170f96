-- breaks: users.show, users.ensure because the endpoint is gone since release 41

ALTER TABLE users RENAME COLUMN bio TO about;
