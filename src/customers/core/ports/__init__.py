"""What the core needs from outside: a storage, a clock, ids, mail, tokens, random secrets.

The tenant is passed once, to a method of `Storage`; a repository cannot see another tenant. Deleted
customers are hidden unless a docstring says otherwise. Any method of a storage may raise
Unavailable. `tests/contract` tests every sentence about a storage.
"""
