"""The revisions of the schema that this program knows. They are in `migrations`."""

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from attrs import frozen

_NUMBER = re.compile(r"[0-9]{4}")


@frozen
class Revision:
    """A revision: its number, four digits, its title, and whether this program needs it.

    The program does without what a revision adds or renames, unless the revision says
    `is_needed = True`. So a new program works before the database is migrated, if no new revision
    is needed. A revision with `is_contract = True` removes what the release before needs.
    """

    number: str
    title: str
    is_needed: bool
    is_contract: bool


@cache
def revisions() -> Sequence[Revision]:
    """Every revision, oldest first."""
    scripts = ScriptDirectory.from_config(config()).walk_revisions()
    newest_first = list(map(_revision, scripts))
    if not newest_first:
        raise RuntimeError(f"no revisions in {_scripts()}: the installation is incomplete")
    return tuple(reversed(newest_first))


def _revision(script: Script) -> Revision:
    title = (script.doc or "").partition("\n")[0].strip()
    module = script.module
    return Revision(
        number=script.revision,
        title=title,
        is_needed=getattr(module, "is_needed", False),
        is_contract=getattr(module, "is_contract", False),
    )


def head() -> str:
    """The newest revision that this program knows."""
    return revisions()[-1].number


def expanded() -> str:
    """The newest revision on which the release before works too. Contracts with a revision of
    another kind after them are of an earlier release.
    """
    return [one.number for one in revisions() if not one.is_contract][-1]


def needed() -> str:
    """The oldest revision that this program works with."""
    return max(revision.number for revision in revisions() if revision.is_needed)


def is_known(number: str) -> bool:
    return any(revision.number == number for revision in revisions())


def is_newer(number: str) -> bool:
    """Whether the revision is one of a newer release of the service."""
    return _NUMBER.fullmatch(number) is not None and number > head()


def pending(current: str | None) -> Sequence[Revision]:
    """The revisions that a database at `current` lacks; None means an empty database."""
    return tuple(revision for revision in revisions() if revision.number > (current or ""))


def config() -> Config:
    """The configuration of alembic, without a connection."""
    config = Config()
    config.set_main_option("script_location", str(_scripts()).replace("%", "%%"))
    return config


def _scripts() -> Path:
    """The folder of the revisions: in the installed package, or at the top of a checkout."""
    installed = Path(str(files("customers"))) / "migrations"
    return installed if installed.is_dir() else Path(__file__).parents[5] / "migrations"
