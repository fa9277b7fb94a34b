"""What every room may use and nothing about cells: errors, files, tables, options, seeds, progress."""
