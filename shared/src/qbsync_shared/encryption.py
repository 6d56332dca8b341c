"""Secrets at rest: AES-256-GCM with keys that rotate.

A ciphertext is ``version (1 byte) | key id (4) | nonce (12) | AES-GCM output``. The associated data binds it to the
row it was made for: a ciphertext copied to another row does not open.
"""

import base64
import hashlib
import os
from collections.abc import Callable, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION = b"\x01"
_KEY_ID = 4
_NONCE = 12
_HEADER = len(_VERSION) + _KEY_ID


class DecryptionError(Exception):
    """No key opens it, it was changed, or it belongs to another place."""


class Keyring:
    """The keys of QBSYNC_ENCRYPTION_KEYS: the first encrypts, all decrypt."""

    def __init__(self, keys: Sequence[bytes], random: Callable[[int], bytes] = os.urandom) -> None:
        if not keys or any(len(key) != 32 for key in keys):
            raise ValueError("one or more keys of 32 bytes are needed")
        self._ciphers = {_key_id(key): AESGCM(key) for key in keys}
        self._current = _key_id(keys[0])
        self._random = random

    @classmethod
    def parse(cls, text: str) -> "Keyring":
        """Read the setting: URL-safe base64, separated by commas."""
        return cls([base64.urlsafe_b64decode(key.strip()) for key in text.split(",")])

    def encrypt(self, secret: str, *, context: str) -> bytes:
        """Encrypt with the first key.

        Args:
            secret: any text.
            context: names the place, for instance ``worker/oauth_token/{tenant}``; needed again to decrypt.
        """
        nonce = self._random(_NONCE)
        sealed = self._ciphers[self._current].encrypt(nonce, secret.encode(), context.encode())
        return _VERSION + self._current + nonce + sealed

    def decrypt(self, ciphertext: bytes, *, context: str) -> str:
        """Open what any of the keys encrypted for this place.

        Raises:
            DecryptionError: it cannot be opened.
        """
        cipher = self._ciphers.get(ciphertext[1:_HEADER])
        if ciphertext[:1] != _VERSION or cipher is None:
            raise DecryptionError("encrypted with a key that is not in QBSYNC_ENCRYPTION_KEYS")
        nonce, sealed = ciphertext[_HEADER : _HEADER + _NONCE], ciphertext[_HEADER + _NONCE :]
        try:
            return cipher.decrypt(nonce, sealed, context.encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise DecryptionError("changed, or made for another place") from error

    def is_stale(self, ciphertext: bytes) -> bool:
        """Whether another than the first key encrypted it: time to encrypt it again."""
        return ciphertext[1:_HEADER] != self._current


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"qbsync-key-id" + key).digest()[:_KEY_ID]
