"""Who the owner is: the one person who may load, unload and pin models; knows no model and no component.

On a Space it is who signed in as the Space's owner or creator; nothing else is believed there.

Elsewhere it is who sits at the machine, and a sign-in is never believed, since Gradio signs its cookies there with a
key that everybody knows. What is covered:
- visitors from other machines, by the address of the connection;
- visitors by way of a proxy or tunnel, who all come from this machine, by the headers that those add;
- pages of other hosts that a browser here has open, by the Host header (a name that was rebound to this machine) and
  the Origin header (a request sent across origins).

What is not covered: a proxy on this machine that adds no such header and replaces Host, where a visitor's own program
leaves out Origin; and other users of the same machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

import gradio as gr

from microscope.settings import Settings

# Headers by which a proxy, a tunnel or a content network says that the visitor is somebody else.
FORWARDING = frozenset(
    {
        "forwarded",
        "via",
        "x-real-ip",
        "x-client-ip",
        "x-cluster-client-ip",
        "x-original-forwarded-for",
        "x-original-host",
        "x-envoy-external-address",
        "x-proxyuser-ip",
        "true-client-ip",
        "client-ip",
        "fastly-client-ip",
        "fly-client-ip",
        "x-azure-clientip",
        "x-appengine-user-ip",
        "cdn-loop",
    }
)
FORWARDING_FAMILIES = ("x-forwarded", "cf-", "tailscale-", "ngrok-", "x-tunnel-")


def is_owner(request: gr.Request, profile: gr.OAuthProfile | None, settings: Settings) -> bool:
    """Tell whether a request comes from the owner; `profile` is who signed in, as Gradio injects it."""
    return _signed_in(profile, settings) if settings.on_space else _at_this_machine(request)


def _signed_in(profile: gr.OAuthProfile | None, settings: Settings) -> bool:
    if profile is None or not settings.oauth:
        return False
    named = settings.space_author is not None and profile.username == settings.space_author
    return named or (settings.space_creator is not None and profile.get("sub") == settings.space_creator)


def _at_this_machine(request: gr.Request) -> bool:
    headers = {name.lower(): value for name, value in request.headers.items()}
    client = request.client
    return (
        client is not None
        and _is_loopback(client.host)
        and not any(name in FORWARDING or name.startswith(FORWARDING_FAMILIES) for name in headers)
        and _is_local_name(headers.get("host", ""))
        and _is_own_page(headers)
    )


def _is_loopback(address: str) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return False
    # A socket for both families writes an IPv4 address inside an IPv6 one.
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return (mapped or found).is_loopback


def _is_local_name(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return name == "localhost" or _is_loopback(name)


def _is_own_page(headers: Mapping[str, str]) -> bool:
    """Tell whether the request comes from this app's own page, or from a program, which names no origin."""
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2] == headers.get("host")
