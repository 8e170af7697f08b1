"""What every test shares: options, profiles of Hypothesis, and the start and end of a run."""

import gc
import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import settings

# Tests start programs as other users, so by a fork. gRPC handles forks by threads of its own in the
# child, which crash it when its files are closed; the program starts without them too.
# Read when gRPC is imported; processes of pytest-xdist inherit it.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"

from tests.support import postgres_servers
from tests.support.builders import a_tenant

pytest.register_assert_rewrite(
    "tests.contract",
    "tests.support.api_steps",
    "tests.support.membership_steps",
    "tests.support.storage_steps",
)

# A busy machine must not fail a test. `make drill` has the thorough profile.
settings.register_profile("patient", deadline=None, max_examples=50)
settings.register_profile("thorough", deadline=None, max_examples=400)
settings.load_profile("patient")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--every-server",
        action="store_true",
        help="run tests marked newest_server on every version of PostgreSQL, not on 18 alone",
    )
    parser.addoption(
        "--facts",
        type=int,
        default=2_000,
        help="how many facts 32 callers record at once; a thorough run takes 20000",
    )


def pytest_configure(config: pytest.Config) -> None:
    if not _is_worker(config):
        postgres_servers.open_run()


def pytest_unconfigure(config: pytest.Config) -> None:
    if not _is_worker(config):
        postgres_servers.close_run()


def pytest_collection_finish() -> None:
    """Exempts the objects that exist by now from garbage collection, which also runs less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def pytest_report_header() -> str:
    local = postgres_servers.local_programs()
    where = f"15 of {local}" if local else "no 15 on this machine, so only on 18"
    return f"postgresql: embedded 18, {where}"


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Appends how many tests were skipped, by reason, to the file that LEFT_OUT names, if any."""
    if _is_worker(config):
        return
    reports = terminalreporter.stats.get("skipped", [])
    counts = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in reports)
    lines = [f"{_counted(count)} ({reason})\n" for reason, count in counts.items()]
    with Path(os.environ.get("LEFT_OUT", os.devnull)).open("a", encoding="utf-8") as left_out:
        left_out.writelines(lines)


@pytest.fixture
def tenant() -> str:
    return a_tenant()


def _counted(tests: int) -> str:
    return "1 test" if tests == 1 else f"{tests:,} tests"


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")
