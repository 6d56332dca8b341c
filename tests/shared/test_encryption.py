"""Secrets at rest: any key of the ring opens, another place or a changed byte does not."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qbsync_shared.encryption import DecryptionError, Keyring

OLD, NEW = bytes(range(32)), bytes(range(32, 64))


def ring(*keys):
    return Keyring.parse(",".join(base64.urlsafe_b64encode(key).decode() for key in keys))


@given(st.text(max_size=200), st.text(max_size=50))
def test_what_was_encrypted_is_decrypted_in_its_place_only(secret, context):
    sealed = ring(NEW).encrypt(secret, context=context)
    assert ring(NEW).decrypt(sealed, context=context) == secret
    with pytest.raises(DecryptionError):
        ring(NEW).decrypt(sealed, context=context + "x")


def test_keys_rotate():
    sealed = ring(OLD).encrypt("token", context="worker/acme")
    both = ring(NEW, OLD)
    assert both.decrypt(sealed, context="worker/acme") == "token"
    assert both.is_stale(sealed)
    again = both.encrypt("token", context="worker/acme")
    assert not both.is_stale(again)
    assert ring(NEW).decrypt(again, context="worker/acme") == "token"
    with pytest.raises(DecryptionError, match="not in QBSYNC_ENCRYPTION_KEYS"):
        ring(NEW).decrypt(sealed, context="worker/acme")


def test_any_changed_byte_is_noticed():
    sealed = ring(NEW).encrypt("token", context="place")
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(DecryptionError):
            ring(NEW).decrypt(bytes(changed), context="place")
    for length in range(len(sealed)):
        with pytest.raises(DecryptionError):
            ring(NEW).decrypt(sealed[:length], context="place")


def test_the_same_secret_looks_different_each_time():
    sealed = {ring(NEW).encrypt("token", context="place") for _ in range(50)}
    assert len(sealed) == 50
    assert not any(b"token" in one for one in sealed)


@pytest.mark.parametrize("keys", [[], [b"short"]])
def test_keys_have_32_bytes(keys):
    with pytest.raises(ValueError, match="32 bytes"):
        Keyring(keys)
