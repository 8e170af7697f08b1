"""The embedded PostgreSQL for development: programs from a wheel, data in the user's own folder.

`server` starts and stops it, `cluster` is its data, `programs` are the programs and their user,
`preconditions` are checked before the data is touched, `locks` serialise the processes that use
it, `failure` is its one error.
"""
