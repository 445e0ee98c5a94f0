"""How Sphinx makes the site of these pages; `make docs` builds it."""

project = "Outpost"
extensions = ["myst_parser"]
html_theme = "furo"
html_title = "Outpost"
html_copy_source = False
exclude_patterns = ["schemas"]

# GitHub makes an anchor of each heading; links between pages use these.
myst_heading_anchors = 6
# Examples are of several languages, and most name none.
highlight_language = "none"
nitpicky = True
