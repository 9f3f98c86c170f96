"""Two releases and the schema's steps between them in, what breaks for whom on which step out."""
