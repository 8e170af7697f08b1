"""Bulkheads: how scarce places are shared among tenants, and how long a request may wait.

Places are whatever a process has few of: connections, requests under way, orders of batches.
"""
