"""Bulkheads: which tenant gets the next place, when a request ends, which calls share a statement.

A place is one unit of what a process has few of: a connection to the database, a request under way,
an order or a group of orders of a batch that is being recorded.
"""
