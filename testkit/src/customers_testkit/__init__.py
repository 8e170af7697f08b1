"""The customers service in memory, for tests of the teams that call it: see `plugin` for fixtures.

It speaks the contract and the test API of the service, and knows nothing of its code.
"""
