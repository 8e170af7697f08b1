"""What the core needs from outside: a storage, a clock, ids, mail, tokens, random secrets.

A tenant is named once, to `Storage`; a repository cannot see another tenant. Deleted customers are
hidden unless a docstring says otherwise. Any method of a storage may raise Unavailable.
`tests/contract` tests every sentence about a storage.
"""
