"""The keys of cursors: of the settings, else of the storage, else of this process alone."""

from collections.abc import Sequence
from secrets import token_bytes

from customers.core.ports.storage import Storage
from customers.entrypoints.http.cursors import Cursors
from customers.entrypoints.http.seal import Seal
from customers.entrypoints.observability.logs import logger

_SECRET_BYTES = 64


class CursorKeys:
    """Loads the keys before a list is read.

    All processes of a deployment open each other's cursors. Without keys in the settings they share
    the secret of the storage; while that cannot keep one, each process has its own.
    """

    def __init__(self, storage: Storage, secrets: Sequence[bytes] = ()) -> None:
        self._storage = storage
        self._own_secret: bytes | None = None
        self._cursors: Cursors | None = None
        self._is_final = bool(secrets)
        if secrets:
            self._use(*secrets)

    @property
    def cursors(self) -> Cursors:
        """Raises RuntimeError before the keys are loaded."""
        if self._cursors is None:
            raise RuntimeError(
                "the cursor keys are not loaded: the query class of this route has no parameter "
                "`cursor`"
            )
        return self._cursors

    async def load(self) -> None:
        """Raises Unavailable when the storage has to be asked, and is away."""
        if self._is_final:
            return
        shared = await self._storage.deployment_secret()
        if shared is not None:
            own = () if self._own_secret is None else (self._own_secret,)
            self._use(shared, *own)
            self._is_final = True
        elif self._own_secret is None:
            self._use_own()

    def _use_own(self) -> None:
        self._own_secret = token_bytes(_SECRET_BYTES)
        self._use(self._own_secret)
        logger().warning(
            "the database cannot keep a key for cursors: only this process opens its own",
            remedy="run `customers migrate`, or set SECRETS_KEY",
        )

    def _use(self, *secrets: bytes) -> None:
        self._cursors = Cursors(Seal(secrets))
