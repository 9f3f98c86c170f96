"""A recipe in, a database for each test out: none sees what another one did, and none waits for its own."""
