"""A report in, text for a machine or a page for a person out."""
