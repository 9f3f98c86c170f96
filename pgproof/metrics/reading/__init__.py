"""Whole tables in, mirrors of them out."""
