DELETE FROM audit WHERE id > 0;
