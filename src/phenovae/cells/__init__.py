"""The cell store and what goes in, out and between: import, export, quality, views, splits."""
