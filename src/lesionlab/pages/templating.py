"""Reading the templates of a package, the shared stylesheet beside them."""

from __future__ import annotations

import jinja2


def open_templates(package: str) -> jinja2.Environment:
    """The templates of `package`, HTML-escaped, strict about names; `style.css` is for all.

    Args:
        package: name of a package with a folder `templates`, such as `lesionlab.auditing`.
    """
    loaders = [jinja2.PackageLoader(name, "templates") for name in (package, "lesionlab.pages")]
    return jinja2.Environment(
        loader=jinja2.ChoiceLoader(loaders), autoescape=True, trim_blocks=True,
        lstrip_blocks=True, undefined=jinja2.StrictUndefined)
