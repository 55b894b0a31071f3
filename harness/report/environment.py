"""Make what fills in the templates of pages."""

import jinja2


def environment() -> jinja2.Environment:
    """Return what loads our templates; a value that nobody gave is an error."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("harness.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
