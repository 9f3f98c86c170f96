"""Cases and goldens in, whether the queries still keep their promises out."""
