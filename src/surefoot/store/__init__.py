"""Keeping runs: one folder and one SQLite file a run. `schema.sql` is the file format."""
