"""Controllers, and what couples them to signals."""
