"""What answers at a Space's address, by the health route's digest; judges nothing and waits for nothing."""

from __future__ import annotations

import httpx

HEALTH = "/health"
SECONDS = 10.0


def digest_at(address: str, token: str | None = None) -> str | None:
    """Return the digest that the app at an address tells, or None where nothing answers or it tells none.

    The token goes to that address alone; a private Space lets nobody in without one.
    """
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        told = httpx.get(f"{address.rstrip('/')}{HEALTH}", headers=headers, timeout=SECONDS).json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        return None
    digest = told.get("digest") if isinstance(told, dict) else None
    return digest if isinstance(digest, str) and digest else None
