"""Who calls, in tests of production: everybody on this machine is behind the gateway."""

from typing import Final

TRUSTED: Final = {
    "AUTH": "gateway",
    "GATEWAY_PEERS": "127.0.0.1/32,::1/128",
    "GATEWAY_ANONYMOUS": "*",
    # The test servers' URLs are those of a superuser, to whom no policy applies.
    "ROW_SECURITY": "off",
}
