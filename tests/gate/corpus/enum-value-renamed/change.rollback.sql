ALTER TYPE mood RENAME VALUE 'angry' TO 'cross';
