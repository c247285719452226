"""Sealing: what a record held beyond its facts, encrypted under a key that can be destroyed."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.ledger.errors import MissingKeyError
from domain.ledger.keys import Keys
from domain.ledger.records import Sealed

if TYPE_CHECKING:
    from domain.actions.actions import Action

_SALT_BYTES = 32
_NONCE_BYTES = 12
_RANDOM_BYTES = _SALT_BYTES + _NONCE_BYTES
_DOMAIN = b"kaoji.sealed.v1\0"


class Sealer:
    """Seals received bytes with AES-256-GCM; the salt of their commitment is sealed with them.

    The commitment, HMAC-SHA256(salt, received), goes into the integrity leaf: it proves the text while the
    key is there, and tells nothing about it once the key is destroyed. The ciphertext is bound to the action's
    key, so that it cannot be passed off as another action's.
    """

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def seal(self, actions: Mapping[int, tuple[bytes, Action]]) -> dict[int, Sealed]:
        """Seal the received bytes of each action (given with its key); new keys are durable on return."""
        names = {index: key_name(action) for index, (_, action) in actions.items()}
        in_use = self._keys.in_use(names.values())
        ciphers = {name: AESGCM(key.key) for name, key in in_use.items()}
        # One call for all: the operating system is asked once for each batch, not twice for each record.
        bits = memoryview(secrets.token_bytes(_RANDOM_BYTES * len(actions)))
        sealed = {}
        for number, (index, (action_key, action)) in enumerate(actions.items()):
            assert action.received is not None, "only a record with more than facts is sealed"
            random = bytes(bits[number * _RANDOM_BYTES : (number + 1) * _RANDOM_BYTES])
            salt, nonce = random[:_SALT_BYTES], random[_SALT_BYTES:]
            name = names[index]
            sealed[index] = Sealed(
                in_use[name].key_id,
                nonce,
                ciphers[name].encrypt(nonce, salt + action.received, _DOMAIN + action_key),
                hmac.digest(salt, action.received, "sha256"),
            )
        return sealed

    def unseal(self, parts: Sequence[tuple[bytes, Sealed]]) -> list[bytes | None]:
        """Return the received bytes of each (action key, sealed part); None where the key was destroyed.

        Raises MissingKeyError when the key file lacks a key or holds another one under its id.
        """
        keys = self._keys.get(part.key_id for _, part in parts)
        ciphers = {key_id: AESGCM(key) for key_id, key in keys.items() if key is not None}
        opened: list[bytes | None] = []
        for action_key, part in parts:
            cipher = ciphers.get(part.key_id)
            if cipher is None:
                opened.append(None)
                continue
            try:
                plain = cipher.decrypt(part.nonce, part.ciphertext, _DOMAIN + action_key)
            except InvalidTag as error:
                raise MissingKeyError(
                    f"Key {part.key_id.hex()} does not open what it sealed: "
                    "the ledger or the key file was changed. "
                    "Run `kaoji verify`, and compare both with their backups."
                ) from error
            opened.append(plain[_SALT_BYTES:])
        return opened


def key_name(action: Action) -> str:
    """Return whose key seals this action: the person's for `staff.*`, else that of the case or unit."""
    if action.type.startswith("staff."):
        return f"person/{action.subject}"
    return f"subject/{action.subject}"
