"""Bulkheads: how scarce places are shared among tenants, and how long a request may wait.

A place is one unit of what a process has few of: a connection, a request under way, an order of a
batch.
"""
