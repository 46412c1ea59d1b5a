"""Keys sign and check, and a private one is never seen."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from eventflow.engine import signing
from eventflow.engine.signing import SigningKey, is_signed, load_public_key
from eventflow.errors import ExtraMissing, InvalidKey

# RFC 8032, section 7.1, test 2.
SECRET = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"
PUBLIC = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
SIGNATURE = (
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)


def test_a_signature_is_that_of_the_standard() -> None:
    """The test vector of RFC 8032 is signed and checked."""
    private = signing._ed25519().Ed25519PrivateKey.from_private_bytes(bytes.fromhex(SECRET))
    key = SigningKey(private)
    assert key.public_key.hex() == PUBLIC
    assert key.sign(b"\x72").hex() == SIGNATURE
    assert is_signed(b"\x72", bytes.fromhex(SIGNATURE), key.public_key)


@pytest.mark.parametrize("password", [None, "correct horse"])
def test_a_key_is_kept_as_pem(password: str | None) -> None:
    """What is written can be loaded again, with its password if it has one."""
    key = SigningKey.generate()
    pem = key.to_pem(password)
    assert SigningKey.from_pem(pem, password).public_key == key.public_key
    assert SigningKey.from_pem(pem.decode(), password).public_key == key.public_key
    assert load_public_key(key.public_pem()) == key.public_key
    assert load_public_key(key.public_pem().decode()) == key.public_key
    assert load_public_key(key.public_key) == key.public_key


def test_another_message_or_key_or_signature_does_not_do() -> None:
    """A signature is about one message, and of one key."""
    key, other = SigningKey.generate(), SigningKey.generate()
    signature = key.sign(b"message")
    assert is_signed(b"message", signature, key.public_key)
    assert not is_signed(b"massage", signature, key.public_key)
    assert not is_signed(b"message", signature, other.public_key)
    assert not is_signed(b"message", signature[::-1], key.public_key)
    assert not is_signed(b"message", b"", key.public_key)


@pytest.mark.parametrize(
    "load",
    [
        lambda: SigningKey.from_pem(b"none"),
        lambda: SigningKey.from_pem(""),
        lambda: SigningKey.from_pem(SigningKey.generate().public_pem()),
        lambda: SigningKey.from_pem(SigningKey.generate().to_pem("right"), "wrong"),
        lambda: SigningKey.from_pem(SigningKey.generate().to_pem("right")),
        lambda: SigningKey.from_pem(SigningKey.generate().to_pem(), "needless"),
        lambda: SigningKey.from_pem(x25519()),
        lambda: load_public_key(b"none"),
        lambda: load_public_key("none"),
        lambda: load_public_key(SigningKey.generate().to_pem()),
        lambda: is_signed(b"", b"", b"short"),
    ],
    ids=[
        *("no pem", "empty", "public", "wrong password", "no password", "needless password"),
        *("other kind", "no public pem", "no text", "private", "short"),
    ],
)
def test_what_is_no_key_is_refused(load: Callable[[], object]) -> None:
    """The error says what there should be, and shows nothing of what was given."""
    with pytest.raises(InvalidKey) as found:
        load()
    assert "PRIVATE KEY" not in str(found.value)
    assert found.value.__cause__ is None


def x25519() -> bytes:
    """A key that cannot sign."""
    module: Any = signing._extra("cryptography.hazmat.primitives.asymmetric.x25519")
    formats = signing._serialization()
    pem: bytes = module.X25519PrivateKey.generate().private_bytes(
        formats.Encoding.PEM, formats.PrivateFormat.PKCS8, formats.NoEncryption()
    )
    return pem


def test_a_private_key_is_not_shown() -> None:
    """Neither its representation nor a copy of it by chance holds the secret."""
    private = signing._ed25519().Ed25519PrivateKey.from_private_bytes(bytes.fromhex(SECRET))
    key = SigningKey(private)
    shown = f"{key!r} {key!s} {[key]}"
    assert SECRET not in shown
    assert PUBLIC in shown
    for way in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError, match="is not pickled"):
            way(key)


def test_without_the_extra_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever lacks the extra is told its name."""

    def refuse(name: str) -> object:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(signing, "import_module", refuse)
    with pytest.raises(ExtraMissing, match=r"pip install 'eventflow-engine\[crypto\]'"):
        SigningKey.generate()
