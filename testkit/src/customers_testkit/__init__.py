"""The customers service in memory, for the tests of teams that call it. Fixtures are in `plugin`.

It depends on the contract and the test API of the service, not on its code.
"""
