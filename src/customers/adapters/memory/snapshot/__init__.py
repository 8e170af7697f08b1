"""Snapshots of the memory storage, which the test API dumps and restores."""
