"""A synthetic twin of the screen: drawn fields of cells in the official names, with their truth."""
