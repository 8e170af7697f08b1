"""Mount namespaces, in which a process sees file systems of its own; see unshare(1)."""

import os
import shutil
import subprocess

import pytest

# A user who is not root keeps their user id: PostgreSQL refuses to run as root.
_AS_ONESELF = ("--map-current-user", "--keep-caps")
NAMESPACE = ("unshare", "--mount", *(() if os.geteuid() == 0 else _AS_ONESELF))


def in_namespace(mounts: str, *command: str) -> tuple[str, ...]:
    """The command in a namespace of its own, after the script that mounts its file systems."""
    return (*NAMESPACE, "sh", "-ec", f'{mounts}\nexec "$0" "$@"', *command)


def _can_mount() -> bool:
    command = in_namespace("mount -t tmpfs none /mnt", "true")
    if shutil.which("unshare") is None:
        return False
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


needs_mounts = pytest.mark.skipif(
    not _can_mount(), reason="there are no mount namespaces on this machine"
)
