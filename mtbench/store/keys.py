"""Keys: the one way to write an identity, and the digests that are made from it."""

import hashlib
import json
from typing import Any

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def canonical(value: Any) -> str:
    """Write a value as JSON in the one way that a key is made from."""
    return _ENCODER.encode(value)


def run_key(identity: str, seed: int) -> str:
    """Return the key of a run: SHA-256 over the cell's canonical identity and the seed."""
    return hashlib.sha256(f"{identity}\n{seed}".encode()).hexdigest()


def digest_without(value: dict[str, Any], name: str) -> str:
    """Return the SHA-256 of a JSON object, without the member that is to hold it."""
    rest = {key: part for key, part in value.items() if key != name}
    return hashlib.sha256(canonical(rest).encode()).hexdigest()
