-- squawk-ignore prefer-text-field
ALTER TABLE users ALTER COLUMN city TYPE varchar(80);
