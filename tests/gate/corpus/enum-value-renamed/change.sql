ALTER TYPE mood RENAME VALUE 'cross' TO 'angry';
