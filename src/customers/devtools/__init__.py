"""The newcomer's PostgreSQL: programs from a wheel, data in the user's own folder.

`server` starts and ends it, `cluster` is its data, `programs` are the programs and their user,
`locks` decide whose turn it is, `failure` says what went wrong. Tables and queries live elsewhere.
"""
