ALTER TABLE blog.audit SET SCHEMA public;
DROP SCHEMA blog;
