"""Signing in to a Space as Gradio does it, who counts as its owner, and events as a stranger's program calls them."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from typing import Any

import gradio as gr
import gradio.oauth
import httpx
import itsdangerous
import pytest

from microscope.settings import Settings

SPACE = Settings.from_environment(
    {"SYSTEM": "spaces", "SPACE_AUTHOR_NAME": "me", "SPACE_CREATOR_USER_ID": "64f0", "OAUTH_CLIENT_ID": "client"}
)
SECRET = "a secret of the Space"  # noqa: S105  (no Space has it)

# Who signs in, the secret that signed the cookie, and whether that is the owner.
SIGN_INS = pytest.mark.parametrize(
    ("name", "user", "secret", "owns"),
    [
        ("me", "1", SECRET, True),
        ("somebody", "64f0", SECRET, True),
        ("somebody", "1", SECRET, False),
        ("me", "64f0", "", False),
    ],
    ids=["author", "creator", "somebody else", "forged"],
)


def pretend_to_be_a_space(patch: pytest.MonkeyPatch) -> None:
    """Let Gradio take this process for a Space that has sign-in; off a Space it would play the sign-in."""
    patch.setenv("SYSTEM", "spaces")
    patch.setenv("SPACE_ID", "me/vlm")
    patch.setattr(gradio.oauth, "OAUTH_CLIENT_ID", "client")
    patch.setattr(gradio.oauth, "OAUTH_CLIENT_SECRET", SECRET)
    patch.setattr(gradio.oauth, "OAUTH_SCOPES", "openid profile")
    patch.setattr(gradio.oauth, "OPENID_PROVIDER_URL", "https://hub.example")


def cookie(name: str, user: str, secret: str) -> str:
    """Return a session as Gradio signs it with a Space's secret."""
    info = {"name": name, "preferred_username": name, "profile": "", "picture": "", "sub": user}
    session = {"oauth_info": {"userinfo": info, "expires_at": time.time() + 60}}
    key = hashlib.sha256(f"{secret}-v4".encode()).hexdigest()
    return itsdangerous.TimestampSigner(key).sign(base64.b64encode(json.dumps(session).encode())).decode()


def event(demo: gr.Blocks, name: str) -> int:
    """Return the number of an event by its function's name."""
    (found,) = [number for number, fn in demo.fns.items() if fn.name == name]
    return found


def post(client: httpx.Client, demo: gr.Blocks, name: str, data: list[Any], **headers: str) -> httpx.Response:
    """Press what the page may not even show."""
    call = {"fn_index": event(demo, name), "data": data, "session_hash": "stranger"}
    return client.post("/gradio_api/run/predict", json=call, headers=headers)
