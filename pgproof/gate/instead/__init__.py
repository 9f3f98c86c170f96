"""A statement that hurts in, the migrations to write instead out, as text to paste."""
