"""Plan design as a command: from a scenario and its traffic to programs, tables and drawings."""
