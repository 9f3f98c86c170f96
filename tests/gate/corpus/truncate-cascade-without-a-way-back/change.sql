-- irreversible: nobody needs them

TRUNCATE visits CASCADE;
