UPDATE users SET bio = 'reads and writes' WHERE handle = 'user7';
