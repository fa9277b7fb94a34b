"""`python -m phenovae`: the command line, where the script of that name is not on the path."""

from __future__ import annotations

from phenovae.cli.main import main

if __name__ == "__main__":
    main()
