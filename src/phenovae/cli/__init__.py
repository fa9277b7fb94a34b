"""The command line: one module for each verb; parsing, one call, printing."""
