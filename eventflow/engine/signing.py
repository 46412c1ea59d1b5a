"""Ed25519 keys that sign checkpoints; a private key is never shown, logged or put into an error.

It needs the extra `[crypto]`, which is imported when a key is used and not before.
"""

from contextlib import suppress
from importlib import import_module
from typing import Any, Protocol, Self

from eventflow.errors import ExtraMissing, InvalidKey

_RAW = 32


class Signer(Protocol):
    """Whatever signs with an Ed25519 key, such as a service that never gives the key away."""

    @property
    def public_key(self) -> bytes:
        """The 32 bytes of the public key."""
        ...

    def sign(self, message: bytes, /) -> bytes:
        """Give the 64 bytes of a signature."""
        ...


class SigningKey:
    """A private key, in memory.

    Args:
        private: The private key of the library that signs.
    """

    __slots__ = ("_private",)

    def __init__(self, private: Any) -> None:  # noqa: ANN401 - a type of the extra
        self._private = private

    @classmethod
    def generate(cls) -> Self:
        """Draw a new key.

        Raises:
            ExtraMissing: The extra `[crypto]` is not installed.
        """
        return cls(_ed25519().Ed25519PrivateKey.generate())

    @classmethod
    def from_pem(cls, pem: bytes | str, password: str | None = None) -> Self:
        """Load a key from PEM, as `to_pem` and OpenSSL write it.

        Raises:
            ExtraMissing: The extra `[crypto]` is not installed.
            InvalidKey: This is no Ed25519 key, or has another password.
        """
        secret = password.encode() if password is not None else None
        private: Any = None
        with suppress(ValueError, TypeError):
            private = _serialization().load_pem_private_key(_bytes(pem), secret)
        if not isinstance(private, _ed25519().Ed25519PrivateKey):
            raise InvalidKey(
                "This is not the PEM of a private Ed25519 key, or its password is another one; "
                "make one with SigningKey.generate().to_pem(password)"
            )
        return cls(private)

    @property
    def public_key(self) -> bytes:
        """The 32 bytes of the public key."""
        raw: bytes = self._private.public_key().public_bytes_raw()
        return raw

    def sign(self, message: bytes) -> bytes:
        """Give the 64 bytes of a signature."""
        signature: bytes = self._private.sign(message)
        return signature

    def to_pem(self, password: str | None = None) -> bytes:
        """Write the private key as PEM, encrypted if there is a password."""
        formats = _serialization()
        locked = (
            formats.BestAvailableEncryption(password.encode())
            if password
            else formats.NoEncryption()
        )
        pem: bytes = self._private.private_bytes(
            formats.Encoding.PEM, formats.PrivateFormat.PKCS8, locked
        )
        return pem

    def public_pem(self) -> bytes:
        """Write the public key as PEM, for those who check signatures."""
        formats = _serialization()
        pem: bytes = self._private.public_key().public_bytes(
            formats.Encoding.PEM, formats.PublicFormat.SubjectPublicKeyInfo
        )
        return pem

    def __repr__(self) -> str:
        return f"<SigningKey of the public key {self.public_key.hex()}>"

    def __reduce__(self) -> str:
        raise TypeError("a private key is not pickled; write it with to_pem(password)")


def load_public_key(given: bytes | str) -> bytes:
    """Give the 32 bytes of a public key, from themselves or from PEM.

    Raises:
        ExtraMissing: The extra `[crypto]` is not installed.
        InvalidKey: This is no public Ed25519 key.
    """
    if isinstance(given, bytes) and len(given) == _RAW:
        return given
    public: Any = None
    with suppress(ValueError, TypeError):
        public = _serialization().load_pem_public_key(_bytes(given))
    if not isinstance(public, _ed25519().Ed25519PublicKey):
        raise InvalidKey(
            "This is neither the 32 bytes nor the PEM of a public Ed25519 key; "
            "SigningKey.public_pem() gives it"
        )
    raw: bytes = public.public_bytes_raw()
    return raw


def is_signed(message: bytes, signature: bytes, public_key: bytes) -> bool:
    """Tell whether the owner of a key signed a message.

    Raises:
        ExtraMissing: The extra `[crypto]` is not installed.
        InvalidKey: The key is none.
    """
    try:
        public = _ed25519().Ed25519PublicKey.from_public_bytes(public_key)
    except ValueError:
        raise InvalidKey("A public Ed25519 key has 32 bytes") from None
    try:
        public.verify(signature, message)
    except _extra("cryptography.exceptions").InvalidSignature:
        return False
    return True


def _bytes(pem: bytes | str) -> bytes:
    return pem.encode() if isinstance(pem, str) else pem


def _ed25519() -> Any:  # noqa: ANN401 - a module
    return _extra("cryptography.hazmat.primitives.asymmetric.ed25519")


def _serialization() -> Any:  # noqa: ANN401 - a module
    return _extra("cryptography.hazmat.primitives.serialization")


def _extra(name: str) -> Any:  # noqa: ANN401 - a module
    try:
        return import_module(name)
    except ImportError:
        raise ExtraMissing(
            "Signatures need the extra [crypto]; install it with: "
            "pip install 'eventflow-engine[crypto]'"
        ) from None
