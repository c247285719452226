"""Senders for tests: a file of two, and the tokens and keys that they have."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

LICENSING_TOKEN = "token-of-licensing-0001"
BUREAU_TOKEN = "token-of-bureau-0001"
HMAC_SECRET = b"0123456789abcdef0123456789abcdef"


@dataclass(frozen=True)
class SendersFile:
    """The file, and the private half of licensing's Ed25519 key in PEM."""

    path: Path
    private_pem: bytes


def write_senders(folder: Path, *, topic: str = "administrative-actions", rate: int | None = None) -> SendersFile:
    """`licensing` may send for /gx/licensing and /gx/archive/…, `bureau` for /gx/bureau."""
    private = Ed25519PrivateKey.generate()
    folder.mkdir(exist_ok=True)
    (folder / "licensing.pem").write_bytes(
        private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    (folder / "bureau.secret").write_bytes(HMAC_SECRET + b"\n")
    (folder / "bureau.secret").chmod(0o600)
    path = folder / "senders.toml"
    path.write_text(
        f"""
[sender.licensing]
sources = ["/gx/licensing", "/gx/archive/*"]
topics = ["{topic}"]
token_sha256 = ["{digest(LICENSING_TOKEN)}"]
{f"records_per_second = {rate}" if rate else ""}

[[sender.licensing.key]]
id = "licensing-1"
algorithm = "ed25519"
file = "licensing.pem"

[sender.bureau]
sources = ["/gx/bureau"]
token_sha256 = ["{digest(BUREAU_TOKEN)}"]

[[sender.bureau.key]]
id = "bureau-1"
algorithm = "hmac-sha256"
file = "bureau.secret"
"""
    )
    return SendersFile(path, private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def digest(token: str) -> str:
    """SHA-256 of a token as the file holds it."""
    return hashlib.sha256(token.encode()).hexdigest()
