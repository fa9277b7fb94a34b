"""Build the documentation site: execute the notebooks, then let Sphinx write the pages.

    python docs/make_site.py --out build/site
    python docs/make_site.py --out build/site --no-notebooks
    python docs/make_site.py --out build/site --executed FOLDER

Needs `pip install -e '.[docs]'`, and no network. A warning is an error, and so is a link within the
site that leads nowhere. With `--no-notebooks` the
notebooks are shown without outputs; `--executed` takes copies that were executed before.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).resolve().parent


def main() -> int:
    """Build the site as the command line says; 0 where nothing is wrong with it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("build/site"), help="where the site goes")
    parser.add_argument("--no-notebooks", action="store_true", help="show them without outputs")
    parser.add_argument("--executed", type=Path, help="folder of executed copies, .ipynb")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        pages = Path(folder, "docs")
        shutil.copytree(DOCS, pages, ignore=shutil.ignore_patterns("__pycache__"))
        if not asked.no_notebooks:
            put_executed(pages / "notebooks", asked.executed, Path(folder))
            link_executed(pages)
        failed = build(pages, asked.out.resolve(), Path(folder, "doctrees"))
    return failed or check_links(asked.out)


def put_executed(pages: Path, executed: Path | None, scratch: Path) -> None:
    """Put executed copies in the place of the notebooks of the staged pages."""
    for source in sorted(pages.glob("*.md")):
        copy = source.with_suffix(".ipynb")
        if executed is not None:
            shutil.copy(executed / copy.name, copy)
        else:
            from generated_pages.notebooks import execute

            print(f"executing {source.name}", flush=True)  # noqa: T201
            execute(source, copy, scratch / "work" / source.stem, "short")
        source.unlink()


def link_executed(pages: Path) -> None:
    """Let links of the staged pages lead to the executed notebooks, which have another ending."""
    for name in (path.stem for path in (pages / "notebooks").glob("*.ipynb")):
        for page in [*pages.glob("*.md"), *(pages / "notebooks").glob("*.ipynb")]:
            begins = "](" if page.suffix == ".ipynb" else "](notebooks/"
            text = page.read_text(encoding="utf-8")
            linked = text.replace(f"{begins}{name}.md)", f"{begins}{name}.ipynb)")
            page.write_text(linked, encoding="utf-8")


def build(pages: Path, out: Path, doctrees: Path) -> int:
    """Let Sphinx write the pages as HTML, every warning an error; the exit code."""
    options = ["-q", "-W", "--keep-going", "-b", "html", "-d", str(doctrees)]
    command = [sys.executable, "-m", "sphinx", *options, str(pages), str(out)]
    return subprocess.run(command, check=False).returncode


def check_links(site: Path) -> int:
    """Name the links within the site that lead nowhere; 1 where there are some."""
    from generated_pages.links import dead_links

    dead = sorted(set(dead_links(site)))
    for each in dead:
        print(f"leads nowhere: {each}", file=sys.stderr)  # noqa: T201
    return int(bool(dead))


if __name__ == "__main__":
    sys.exit(main())
