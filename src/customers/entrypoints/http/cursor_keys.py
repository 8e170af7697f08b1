"""The keys of cursors: from the settings, else from the storage, else made by this process."""

from collections.abc import Sequence
from secrets import token_bytes

from customers.core.ports.storage import Storage
from customers.entrypoints.http.cursors import Cursors
from customers.entrypoints.http.seal import Seal
from customers.entrypoints.observability.logs import logger

_SECRET_BYTES = 64


class CursorKeys:
    """The keys that seal and open cursors; `load` is called before each list with cursors is read.

    The processes of a deployment open each other's cursors: they share the keys in the settings or,
    without any, a secret that the storage keeps. As long as the storage cannot keep a secret, each
    process has a key of its own and only opens its own cursors.
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
        """Makes and reads cursors. Raises RuntimeError before the keys are loaded."""
        if self._cursors is None:
            raise RuntimeError(
                "the cursor keys are not loaded: the query class of this route has no parameter "
                "`cursor`"
            )
        return self._cursors

    async def load(self) -> None:
        """Loads the shared keys once; without any, makes a key of its own. Raises Unavailable."""
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
            "the database cannot keep a key for cursors: each process opens only its own cursors",
            remedy="run `customers migrate`, or set SECRETS_KEY",
        )

    def _use(self, *secrets: bytes) -> None:
        self._cursors = Cursors(Seal(secrets))
