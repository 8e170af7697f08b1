"""Certificates for tests: an authority, and what it has signed, as PEM files."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from attrs import frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_NOW = datetime.now(UTC)
DAY = timedelta(days=1)


@frozen(kw_only=True)
class Pair:
    """The paths of a certificate and its key."""

    certificate: Path
    key: Path

    def encrypt(self, passphrase: str) -> None:
        """Encrypts the key in its file."""
        key = serialization.load_pem_private_key(self.key.read_bytes(), None)
        self.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.BestAvailableEncryption(passphrase.encode()),
            )
        )

    def write(self, other: "Pair") -> None:
        """Replaces both files by those of another pair."""
        self.certificate.write_bytes(other.certificate.read_bytes())
        self.key.write_bytes(other.key.read_bytes())


@frozen(kw_only=True)
class Authority:
    folder: Path
    _key: ec.EllipticCurvePrivateKey
    _name: x509.Name

    @classmethod
    def new(cls, folder: Path, *, valid_from: int = -10, days: int = 1) -> Self:
        """An authority, valid from so many days after today until `days` after today."""
        folder.mkdir(parents=True, exist_ok=True)
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, folder.name)])
        certificate = (
            _builder(name, name, key, days, valid_from)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        authority = cls(folder=folder, key=key, name=name)
        authority.path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return authority

    @property
    def path(self) -> Path:
        """The file of the authority's own certificate."""
        return self.folder / "authority.pem"

    def sign(
        self, name: str, *, days: int = 1, valid_from: int = -10, alternative: str = ""
    ) -> Pair:
        """A certificate for one or two DNS names, valid for `days`; if negative, it has expired.
        It is valid from so many days after today.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "unused")])
        names = [x509.DNSName(name), *([x509.DNSName(alternative)] if alternative else [])]
        certificate = (
            _builder(self._name, subject, key, days, valid_from)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        pair = Pair(
            certificate=self.folder / f"{name}{days}.pem", key=self.folder / f"{name}{days}.key"
        )
        pair.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        pair.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return pair


def _builder(
    issuer: x509.Name,
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    days: int,
    valid_from: int,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_NOW + valid_from * DAY)
        .not_valid_after(_NOW + days * DAY)
    )
