"""Keeping libraries from loading others that they take wherever they find them."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def as_if_absent(*modules: str) -> Iterator[None]:
    """What is imported inside does not load these modules, unless they are loaded already."""
    hidden = [name for name in modules if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
