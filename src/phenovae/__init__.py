"""phenovae: from plates of cell images to mechanism-of-action scores."""

__version__ = "0.1.0"

__all__ = ["__version__"]
