"""The loopback Hub's routes about a Space itself: creation, information, runtime, logs, settings, keyless tokens."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Protocol

from tests.hub.loopback_server import Answer, RefusalError, Request
from tests.hub.spaces.accounts import Account, Accounts, identity_token
from tests.hub.spaces.cards import check_card
from tests.hub.spaces.repository import GIT_ATTRIBUTES, Space, Told, stored

Parts = dict[str, str]
ZERO = "zero-a10g"
ZERO_LIMITS = {"free": 2, "pro": 10}
PAID_ONLY = (
    "Static Spaces are free for everyone, but hosting Gradio and Docker Spaces on free cpu-basic requires a PRO "
    "subscription. Subscribe at https://huggingface.co/pro"
)
PAYMENT = (
    "You must add a payment method to your account to upgrade your space's hardware. Visit your billing settings to "
    "add one: https://huggingface.co/settings/billing"
)
FREE = ("cpu-basic", ZERO)


class Hub(Protocol):
    """What the routes ask of the Hub."""

    url: str
    accounts: Accounts
    spaces: dict[str, Space]
    open_logs: bool
    talkative: bool

    def seen(self, request: Request, space: str) -> Space:
        """Return a Space that a request may know of."""

    def owned(self, request: Request, space: str) -> Space:
        """Return a Space whose settings a request may change."""

    def tells(self, space: Space) -> Told:
        """Return what the runtime of a Space tells now."""

    def kept_alive(self) -> Iterator[bytes]:
        """Yield signs of life of a stream, until the Hub is closed."""


def create(hub: Hub, request: Request, parts: Parts) -> Answer:
    """Create a Space, with its first commit."""
    asked = request.json
    account = hub.accounts.who(request)
    if account is None or account.role == "files":
        raise RefusalError(401, message="Invalid username or password.")
    name = f"{asked.get('organization') or account.user}/{asked['name']}"
    url = f"{hub.url}/spaces/{name}"
    if name in hub.spaces:
        raise RefusalError(409, message="You already created this space repo", content={"error": "exists", "url": url})
    hub.accounts.need_settings(request, name)
    return {"url": url, "name": name, **_make(hub, account, name, asked)}, None, {}


def duplicate(hub: Hub, request: Request, parts: Parts) -> Answer:
    """Copy a Space's files and variables, not its secrets, to a new one."""
    source = hub.seen(request, parts["space"])
    asked = request.json
    name = asked["repository"]
    account = hub.accounts.need_settings(request, name)
    if name in hub.spaces:
        raise RefusalError(409, message="You already created this space repo")
    variables = [{"key": key, "value": value} for key, value in source.variables.items()]
    made = _make(hub, account, name, {**asked, "variables": [*variables, *asked.get("variables", [])]})
    hub.spaces[name].add(source.head.tree, "Duplicate from " + source.name, author=account.user)
    return {"url": f"{hub.url}/spaces/{name}", "filesCopyPending": False, **made}, None, {}


def _make(hub: Hub, account: Account, name: str, asked: dict) -> dict:
    hardware = asked.get("hardware") or "cpu-basic"
    if account.plan == "free":
        if hardware == "cpu-basic":
            raise RefusalError(402, message=PAID_ONLY)
        if hardware != ZERO:
            raise RefusalError(403, message=PAYMENT)
    if hardware == ZERO:
        zeros = sum(space.requested == ZERO and account.owns(space.name) for space in hub.spaces.values())
        if zeros >= ZERO_LIMITS[account.plan]:
            raise RefusalError(403, message=f"You have reached the limit of {zeros} ZeroGPU Spaces.")
    private = asked.get("visibility") == "private" or bool(asked.get("private"))
    space = Space(name, private, requested=hardware, sleep=asked.get("sleepTimeSeconds"), volumes=asked.get("volumes"))
    space.secrets = {entry["key"]: entry["value"] for entry in asked.get("secrets") or ()}
    space.variables = {entry["key"]: entry["value"] for entry in asked.get("variables") or ()}
    space.add(stored({".gitattributes": GIT_ATTRIBUTES}), "initial commit", author=account.user)
    # Without an app nothing is built yet.
    space.telling = [Told("NO_APP_FILE")]
    hub.spaces[name] = space
    return {}


def information(hub: Hub, request: Request, parts: Parts) -> Answer:
    """Tell what the page of a Space tells."""
    space = hub.seen(request, parts["space"])
    commit = space.find(parts["revision"] or "main")
    if commit is None:
        raise RefusalError(404, "RevisionNotFound", f"Invalid rev id: {parts['revision']}")
    told: dict[str, object] = {
        "_id": "1",
        "id": space.name,
        "author": space.name.split("/")[0],
        "sha": commit.sha,
        "lastModified": commit.told,
        "private": space.private,
        "sdk": "gradio",
        "host": space.host or f"https://{space.subdomain}.hf.space",
        "subdomain": space.subdomain,
        "tags": [],
        "likes": 0,
        "siblings": [{"rfilename": path} for path in sorted(commit.tree)],
    }
    return told, None, {}


def runtime(hub: Hub, request: Request, parts: Parts) -> Answer:
    """Tell the runtime, and go on in its script."""
    space = hub.seen(request, parts["space"])
    return space.tell(hub.tells(space)), None, {}


def logs(hub: Hub, request: Request, parts: Parts) -> Answer:
    """Send the lines of a log as events; where logs are followed, with signs of life after them."""
    space = hub.seen(request, parts["space"])
    if hub.accounts.who(request) is None:
        raise RefusalError(401, message="Invalid username or password.")
    return _events(hub, space.logs[parts["kind"]]), None, {"Content-Type": "text/event-stream"}


def _events(hub: Hub, lines: list[str]) -> Iterator[bytes]:
    for number, line in enumerate(lines):
        yield _event(line, datetime(2026, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=number))
    yield b"data:\n\n"
    if hub.talkative:
        yield from (_event("still here", datetime.now(timezone.utc) + timedelta(hours=1)) for _ in hub.kept_alive())
    if hub.open_logs:
        yield from hub.kept_alive()


def _event(line: str, when: datetime) -> bytes:
    event = {"data": f"{line}\n", "timestamp": when.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"}
    return f"data: {json.dumps(event)}\n\n".encode()


def secrets(hub: Hub, request: Request, parts: Parts) -> Answer:
    """List, set and remove secrets; no value is ever told."""
    space = hub.owned(request, parts["space"])
    _change(space, space.secrets, request)
    when = "2026-01-01T00:00:00.000Z"
    return {key: {"key": key, "updatedAt": when} for key in space.secrets}, None, {}


def variables(hub: Hub, request: Request, parts: Parts) -> Answer:
    """List, set and remove variables, which are public."""
    if request.method == "GET":
        space = hub.seen(request, parts["space"])
    else:
        space = hub.owned(request, parts["space"])
        _change(space, space.variables, request)
    return {key: {"key": key, "value": value} for key, value in space.variables.items()}, None, {}


def _change(space: Space, kept: dict[str, str], request: Request) -> None:
    if request.method == "POST":
        kept[request.json["key"]] = request.json["value"]
    elif request.method == "DELETE":
        kept.pop(request.json["key"], None)
    if request.method != "GET" and len(space.commits) > 1:
        space.start()


def hardware(hub: Hub, request: Request, parts: Parts) -> Answer:
    """Ask for hardware; the app restarts on it."""
    space = hub.owned(request, parts["space"])
    account = hub.accounts.who(request)
    if account is not None and account.plan == "free" and request.json["flavor"] not in FREE:
        raise RefusalError(403, message=PAYMENT)
    space.hardware, space.requested = space.requested, request.json["flavor"]
    space.sleep = request.json.get("sleepTimeSeconds", space.sleep)
    space.start()
    return space.tell(space.telling[0]), None, {}


def sleep(hub: Hub, request: Request, parts: Parts) -> Answer:
    """Set after how many idle seconds the app is put to sleep."""
    space = hub.owned(request, parts["space"])
    space.sleep = request.json["seconds"]
    return space.tell(space.telling[0]), None, {}


def restart(hub: Hub, request: Request, parts: Parts) -> Answer:
    """Start the app again."""
    space = hub.owned(request, parts["space"])
    space.start()
    return space.tell(space.telling[0]), None, {}


def pause(hub: Hub, request: Request, parts: Parts) -> Answer:
    """Stop the app until its owner starts it."""
    space = hub.owned(request, parts["space"])
    space.telling = [Told("PAUSED")]
    return space.tell(space.telling[0]), None, {}


def volumes(hub: Hub, request: Request, parts: Parts) -> Answer:
    """Replace what is mounted, or unmount it."""
    space = hub.owned(request, parts["space"])
    if request.method == "DELETE" and space.volumes is None:
        raise RefusalError(400, message="This Space has no volumes attached")
    space.volumes = None if request.method == "DELETE" else request.json["volumes"]
    return {}, None, {}


def validate(hub: Hub, request: Request, parts: Parts) -> Answer:
    """Tell what is wrong with the head of a README.md."""
    errors, warnings = check_card(request.json["content"])
    told = {"errors": [{"message": e} for e in errors], "warnings": [{"message": w} for w in warnings]}
    if errors:
        raise RefusalError(400, content=told)
    return told, None, {}


def whoami(hub: Hub, request: Request, parts: Parts) -> Answer:
    """Tell whose token this is."""
    account = hub.accounts.who(request)
    if account is None:
        raise RefusalError(401, message="Invalid username or password.")
    told = {"type": "user", "name": account.user, "isPro": account.plan == "pro", "canPay": account.plan == "pro"}
    orgs = [{"name": name} for name in account.orgs]
    return {**told, "orgs": orgs, "auth": {"accessToken": {"role": account.role}}}, None, {}


def quota(hub: Hub, request: Request, parts: Parts) -> Answer:
    """Tell the seconds of ZeroGPU that are left today."""
    account = hub.accounts.who(request)
    if account is None:
        raise RefusalError(401, message="Invalid username or password.")
    base = 2400 if account.plan == "pro" else 300
    return {"base": base, "current": base, "resetsAt": None, "overquotaUsed": 0}, None, {}


def identity(hub: Hub, request: Request, parts: Parts) -> Answer:
    """Stand in for the service that gives a workflow its identity token."""
    claims = {"repository": parts["repository"], "branch": parts["branch"], "workflow": parts["workflow"]}
    return {"value": identity_token({**claims, "aud": request.query["audience"]}), "count": 1}, None, {}


def exchange(hub: Hub, request: Request, parts: Parts) -> Answer:
    """Give a token for an identity token."""
    return hub.accounts.exchange(request), None, {}
