"""Imports the program in the process that forks for each command: see `forked_program`."""

import os
from importlib import import_module

# As `customers serve` sets it, before it imports gRPC.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"

for name in (
    "customers.adapters.postgres.storage",
    "customers.entrypoints.cli",
    "customers.entrypoints.container.database",
    "customers.entrypoints.process.serve",
):
    import_module(name)
