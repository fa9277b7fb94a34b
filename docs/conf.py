"""Settings of the documentation site. `python docs/make_site.py` builds it."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from phenovae import __version__  # noqa: E402

project = "phenovae"
author = "phenovae contributors"
copyright = "phenovae contributors, BSD-3-Clause"  # noqa: A001
version = release = __version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "generated_pages.hook",
]
exclude_patterns = ["build", "generated_pages"]

myst_enable_extensions = ["dollarmath", "deflist"]
# Links to headings, as code hosts make them.
myst_heading_anchors = 4
# Notebooks come executed from make_site.py, or are shown without their outputs.
nb_execution_mode = "off"
nb_merge_streams = True
nb_mime_priority_overrides = [("html", "text/html", 0)]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_default_options = {
    "members": True,
    "show-inheritance": True,
    "exclude-members": "model_config, model_post_init",
}
python_use_unqualified_type_names = True
# Types of other packages have no page here, nor have those of a private module; links in text are
# checked all the same.
nitpicky = True
nitpick_ignore_regex = [(r"py:.*", r".*")]
# Two classes of one name in two rooms are no fault of a signature that names one.
suppress_warnings = ["ref.python"]
python_maximum_signature_line_length = 88
maximum_signature_line_length = 88

html_theme = "furo"
html_title = "phenovae"
html_static_path = ["static"]
html_css_files = ["phenovae.css"]
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b5c8a", "color-brand-content": "#0b5c8a"},
    "dark_css_variables": {"color-brand-primary": "#7cc4ee", "color-brand-content": "#7cc4ee"},
}
html_show_sourcelink = True
html_copy_source = True
# Pygments has no lexer for what a program prints.
highlight_language = "none"
pygments_style = "default"
pygments_dark_style = "github-dark"
