"""The explorer: a run as a local web page where a point is a cell."""
