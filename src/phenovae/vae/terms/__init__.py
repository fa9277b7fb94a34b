"""The terms that an objective is made of: one idea a module."""
