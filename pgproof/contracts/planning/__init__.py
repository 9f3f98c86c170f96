"""Calls in, the plans that the server makes for them out, and whether they are what a query promises."""
