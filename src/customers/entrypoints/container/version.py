"""The version of this program."""

from importlib.metadata import version
from typing import Final

VERSION: Final = version("customers-service")
