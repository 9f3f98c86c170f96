"""One schema change in, whether it may merge out: proved on a real server, from git's base to the working tree."""
