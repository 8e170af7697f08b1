"""The certificate of the service, read again when its files are replaced."""

import ssl
from pathlib import Path
from threading import Lock
from typing import Final, NoReturn, Self

import grpc
from attrs import frozen
from cryptography import x509

from customers.entrypoints.observability.logs import logger
from customers.entrypoints.tls.validity import (
    CannotServeTls,
    expect_valid,
    expect_valid_authorities,
)

MIN_VERSION: Final = ssl.TLSVersion.TLSv1_2


@frozen(kw_only=True)
class CertificateFiles:
    """The paths of the PEM files; `client_ca` has the authorities for callers' certificates."""

    certificate: Path
    key: Path
    client_ca: Path | None


@frozen(kw_only=True)
class _Content:
    certificate: bytes
    key: bytes

    @classmethod
    def of(cls, files: CertificateFiles) -> Self:
        """Reads the files. Raises CannotServeTls, also for a certificate that is not valid now and
        for an encrypted key.
        """
        try:
            content = cls(certificate=files.certificate.read_bytes(), key=files.key.read_bytes())
            _new_context(files)
            certificates = x509.load_pem_x509_certificates(content.certificate)
        except (OSError, ValueError) as error:
            cause = "not PEM, or they do not belong together"
            if isinstance(error, OSError) and not isinstance(error, ssl.SSLError):
                cause = str(error.strerror)
            raise CannotServeTls(
                f"TLS_CERT, TLS_KEY: {files.certificate} and {files.key} are not a certificate and "
                f"its key in PEM ({cause}): correct the files"
            ) from None
        expect_valid(certificates[0], files.certificate)
        return content


def _new_context(files: CertificateFiles) -> ssl.SSLContext:
    """A server's context with the certificate. Raises CannotServeTls for an encrypted key, and
    OSError; SSLError is a subclass of it.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = MIN_VERSION
    _load(context, files)
    return context


def _load(context: ssl.SSLContext, files: CertificateFiles) -> None:
    """Loads certificate and key. Raises as `_new_context`."""

    def refuse() -> NoReturn:  # without it, OpenSSL asks for the passphrase on the terminal
        raise CannotServeTls(
            f"TLS_KEY: the key in {files.key} is encrypted: store it without a passphrase"
        )

    context.load_cert_chain(files.certificate, files.key, password=refuse)


class Certificate:
    """The certificate in use, for REST and gRPC.

    Call `refresh` for each new connection: if the files of certificate and key have changed, the
    new certificate is used from then on. If it cannot be used, that is logged, and the old one
    stays in use. The file `client_ca` is read only once.
    """

    def __init__(self, files: CertificateFiles) -> None:
        """Raises CannotServeTls."""
        self._files = files
        self._state = _state_of(files)
        self._content = self._rpc_content = _Content.of(files)
        self._lock = Lock()
        self.context = _new_context(files)
        self._client_ca: bytes | None = None
        if files.client_ca is not None:
            self._client_ca = self._ask_for_certificates(files.client_ca)

    def _ask_for_certificates(self, authorities: Path) -> bytes:
        """Asks callers for certificates of the authorities in the file, and returns its content.
        Raises CannotServeTls.
        """
        try:
            self.context.load_verify_locations(authorities)
            content = authorities.read_bytes()
            certificates = x509.load_pem_x509_certificates(content)
        except (OSError, ValueError):
            raise CannotServeTls(
                f"TLS_CLIENT_CA: {authorities} holds no certificates in PEM: correct the file"
            ) from None
        expect_valid_authorities(certificates, authorities)
        self.context.verify_mode = ssl.CERT_OPTIONAL
        return content

    def refresh(self) -> bool:
        """Loads the new certificate and key if the files have changed; returns whether it did."""
        with self._lock:
            state = _state_of(self._files)
            if state == self._state:
                return False
            self._state = state
            try:
                content = _Content.of(self._files)
                _load(self.context, self._files)
            except CannotServeTls as error:
                logger().error("the certificate was not replaced", problem=str(error))
                return False
            self._content = content
        logger().info("the certificate was replaced")
        return True

    def rpc_credentials(self) -> grpc.ServerCredentials:
        """The credentials of a gRPC server. With `client_ca` it requires certificates of callers,
        since gRPC for Python cannot make them optional.
        """
        return grpc.dynamic_ssl_server_credentials(
            self._rpc_configuration(),
            self._fetch_rpc_configuration,  # type: ignore[arg-type]  # it may return None
            require_client_authentication=self._client_ca is not None,
        )

    def _rpc_configuration(self) -> grpc.ServerCertificateConfiguration:
        pair = (self._content.key, self._content.certificate)
        return grpc.ssl_server_certificate_configuration([pair], self._client_ca)

    def _fetch_rpc_configuration(self) -> grpc.ServerCertificateConfiguration | None:
        """The new configuration; None if the certificate is the same. gRPC calls this for each new
        connection, on a thread of its own.
        """
        self.refresh()
        if self._rpc_content is self._content:
            return None
        self._rpc_content = self._content
        return self._rpc_configuration()


def _state_of(files: CertificateFiles) -> tuple[object, ...]:
    """What shows changes of certificate and key: inode, time and size; None for a missing file."""
    state: list[object] = []
    for path in (files.certificate, files.key):
        try:
            status = path.stat()
        except OSError:
            state.append(None)
        else:
            state.append((status.st_ino, status.st_mtime_ns, status.st_size))
    return tuple(state)
