-- What stood there before is not known any more.
SELECT 1;
