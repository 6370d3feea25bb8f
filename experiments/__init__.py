"""Studies, runs, indicators, tables and the command line."""
