"""Reports of studies: tables, figures and one page that holds them all."""
