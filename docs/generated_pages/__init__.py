"""What of the documentation is written from the code: each a function that gives Markdown."""
