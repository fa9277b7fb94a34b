"""What was done to every well: the sites table, roles of wells, the design and its check."""
