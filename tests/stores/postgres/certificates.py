"""Makes certificates for tests: authorities of their own, and what they sign."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from attrs import frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@frozen
class Authority:
    """Somebody who signs certificates.

    Attributes:
        folder: Where its files are.
        name: What it is called.
        certificate: Its own certificate.
    """

    folder: Path
    name: str
    certificate: x509.Certificate
    _key: ec.EllipticCurvePrivateKey

    @property
    def file(self) -> Path:
        """What those read who trust it."""
        return self.folder / f"{self.name}.pem"

    def sign(self, subject: str, *hosts: str) -> tuple[Path, Path]:
        """Write a certificate for a subject and its hosts; give it and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(subject, self.name, key).add_extension(
            x509.SubjectAlternativeName([_alternative(host) for host in hosts or (subject,)]),
            critical=False,
        )
        certificate = builder.sign(self._key, hashes.SHA256())
        files = (self.folder / f"{subject}.crt", self.folder / f"{subject}.key")
        files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        files[1].touch(mode=0o600)
        files[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return files


def new_authority(folder: Path, name: str) -> Authority:
    """Make somebody who signs certificates, and write down whom to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _builder(name, name, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    authority = Authority(folder, name, certificate, key)
    authority.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return authority


def _builder(subject: str, issuer: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)
