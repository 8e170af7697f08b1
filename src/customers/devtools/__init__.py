"""The embedded PostgreSQL for development: programs from a wheel, data in the user's own folder.

`server` starts and stops it, `cluster` holds its data, `programs` finds and runs its programs,
`preconditions` checks a folder before its data is touched, `locks` has the file locks of processes
that share a server, and `failure` has the error for a server that does not start or stop.
"""
