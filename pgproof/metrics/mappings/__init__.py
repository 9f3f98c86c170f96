"""Files that say what is counted in, what fits them, and what they count, out."""
