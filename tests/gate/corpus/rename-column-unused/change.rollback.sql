ALTER TABLE users RENAME COLUMN telephone TO phone;
