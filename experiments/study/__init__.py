"""Studies: scenarios by controllers by demand by loops by seeds, from one file to tables that hold up."""
