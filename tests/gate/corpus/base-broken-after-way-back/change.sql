UPDATE users SET bio = 'reads' WHERE handle = 'user3';
