"""The pixels of a field: reading image files."""
