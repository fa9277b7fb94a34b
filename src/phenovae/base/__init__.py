"""What every room may use: errors, files, tables, options, seeds, progress; nothing of cells."""
