"""What the core needs from the outside: a clock, new ids, and a storage.

A tenant is named once, to `Storage`; a repository cannot see another tenant. Deleted customers are
hidden unless a docstring says otherwise. `tests/contract` has a test for every sentence here. Any
method of a storage may raise Unavailable.
"""
