"""The loopback Hub's routes about files: trees, contents, uploads, large files, commits; knows no runtime."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from typing import Protocol
from urllib.parse import parse_qs, quote

from tests.hub.loopback_server import Answer, RefusalError, Request
from tests.hub.spaces.accounts import Account
from tests.hub.spaces.cards import check_card
from tests.hub.spaces.repository import Commit, Space, Stored, is_large

Parts = dict[str, str]
PAGE = 1000


class Hub(Protocol):
    """What the routes ask of the Hub."""

    url: str
    objects: dict[str, bytes]

    def seen(self, request: Request, space: str) -> Space:
        """Return a Space that a request may know of."""

    def writable(self, request: Request, space: str) -> tuple[Space, Account]:
        """Return a Space that a request may write files of, and who asks."""


def revision(space: Space, name: str) -> Commit:
    """Return a commit by its name, or refuse as the Hub does."""
    found = space.find(name)
    if found is None:
        raise RefusalError(404, "RevisionNotFound", f"Invalid rev id: {name}")
    return found


def tree(hub: Hub, request: Request, parts: Parts) -> Answer:
    """List the files of a revision, in pages."""
    found = revision(hub.seen(request, parts["space"]), parts["revision"])
    entries = [found.tree[path].describe(path) for path in sorted(found.tree)]
    if request.query.get("recursive", "").lower() != "true":
        folders = sorted({path.split("/")[0] for path in found.tree if "/" in path})
        entries = [entry for entry in entries if "/" not in str(entry["path"])]
        entries += [{"type": "directory", "path": folder, "size": 0, "oid": "0" * 40} for folder in folders]
    start = int(request.query.get("cursor", "0"))
    more: dict[str, str] = {}
    if start + PAGE < len(entries):
        more["Link"] = f'<{hub.url}{request.raw}?recursive=true&cursor={start + PAGE}>; rel="next"'
    return entries[start : start + PAGE], None, more


def paths(hub: Hub, request: Request, parts: Parts) -> Answer:
    """Describe some files of a revision; what does not exist is left out."""
    found = revision(hub.seen(request, parts["space"]), parts["revision"])
    asked = parse_qs(request.body.decode()).get("paths", [])
    return [found.tree[path].describe(path) for path in asked if path in found.tree], None, {}


def resolve(hub: Hub, request: Request, parts: Parts) -> Answer:
    """Send the contents of a file; `raw` sends the pointer of a large one."""
    found = revision(hub.seen(request, parts["space"]), parts["revision"])
    commit = {"X-Repo-Commit": found.sha}
    file = found.tree.get(parts["path"])
    if file is None:
        raise RefusalError(404, "EntryNotFound", "Entry not found", commit)
    held = file.pointer if file.large and parts["way"] == "raw" else file.content
    return held, None, {"ETag": f'"{file.digest}"', "Content-Type": "application/octet-stream", **commit}


def history(hub: Hub, request: Request, parts: Parts) -> Answer:
    """List the commits up to a revision, newest first, in pages."""
    space = hub.seen(request, parts["space"])
    found = revision(space, parts["revision"])
    commits = space.commits[: space.commits.index(found) + 1][::-1]
    start, size = int(request.query.get("p", "0")), 50
    more: dict[str, str] = {}
    if (start + 1) * size < len(commits):
        more["Link"] = f'<{hub.url}{request.raw}?p={start + 1}>; rel="next"'
    return [_tell(commit) for commit in commits[start * size : (start + 1) * size]], None, more


def _tell(commit: Commit) -> dict[str, object]:
    return {
        "id": commit.sha,
        "title": commit.title,
        "message": commit.message,
        "authors": [{"user": commit.author}],
        "date": commit.told,
    }


def preupload(hub: Hub, request: Request, parts: Parts) -> Answer:
    """Tell of each file how to send it, whether the Hub would ignore it, and what it holds under its name now."""
    space, _ = hub.writable(request, parts["space"])
    held = revision(space, parts["revision"]).tree
    ignoring = request.json.get("gitIgnore")
    if ignoring is None:
        ignoring = held[".gitignore"].content.decode() if ".gitignore" in held else ""
    rules = [rule for rule in ignoring.splitlines() if rule.strip() and not rule.startswith("#")]
    told = []
    for file in request.json["files"]:
        path, size = file["path"], file["size"]
        mode = "lfs" if is_large(path, size) else "regular"
        ignored = any(fnmatch(path, rule) or fnmatch(path.split("/")[-1], rule) for rule in rules)
        known = {"oid": held[path].digest} if path in held else {}
        told.append({"path": path, "uploadMode": mode, "shouldIgnore": ignored, **known})
    return {"files": told}, None, {}


def large_batch(hub: Hub, request: Request, parts: Parts) -> Answer:
    """Tell where to send large files that are not here yet."""
    hub.writable(request, parts["space"])
    told = []
    for wanted in request.json["objects"]:
        entry: dict[str, object] = {"oid": wanted["oid"], "size": wanted["size"]}
        if wanted["oid"] not in hub.objects:
            verify = f"{hub.url}/spaces/{parts['space']}.git/info/lfs/verify"
            upload = f"{hub.url}/large/{wanted['oid']}?space={quote(parts['space'], safe='')}"
            entry["actions"] = {"upload": {"href": upload}, "verify": {"href": verify}}
        told.append(entry)
    return {"transfer": "basic", "objects": told}, None, {}


def large_upload(hub: Hub, request: Request, parts: Parts) -> Answer:
    """Take a large file; its address is its permission, as on the storage of the Hub."""
    if hashlib.sha256(request.body).hexdigest() != parts["oid"]:
        raise RefusalError(400, message="the contents do not have this SHA-256")
    hub.objects[parts["oid"]] = request.body
    return b"", None, {}


def large_verify(hub: Hub, request: Request, parts: Parts) -> Answer:
    """Tell whether a large file has arrived."""
    hub.writable(request, parts["space"])
    if len(hub.objects.get(request.json["oid"], b"")) != request.json["size"]:
        raise RefusalError(404, message="the object is not here")
    return {}, None, {}


def commit(hub: Hub, request: Request, parts: Parts) -> Answer:
    """Make one commit of all the lines of the request, or none."""
    space, account = hub.writable(request, parts["space"])
    head = revision(space, parts["revision"])
    lines = [json.loads(line) for line in request.body.splitlines()]
    header = lines[0]["value"]
    if header.get("parentCommit", head.sha) != head.sha:
        raise RefusalError(412, message="A commit has happened since. Please refresh and try again.")
    made = dict(head.tree)
    for line in lines[1:]:
        _apply(hub, made, line["key"], line["value"])
    if "README.md" in made and made["README.md"] != head.tree.get("README.md"):
        errors, _ = check_card(made["README.md"].content.decode())
        if errors:
            raise RefusalError(400, message="Your push was rejected: " + "; ".join(errors))
    added = space.add(made, header["summary"], header.get("description", ""), account.user)
    url = f"{hub.url}/spaces/{space.name}/commit/{added.sha}"
    return {"success": True, "commitOid": added.sha, "commitUrl": url, "hookOutput": ""}, None, {}


def _apply(hub: Hub, made: dict[str, Stored], kind: str, value: Mapping[str, str]) -> None:
    path = value["path"]
    if kind == "file":
        made[path] = Stored(base64.b64decode(value["content"]))
    elif kind == "lfsFile":
        if value["oid"] not in hub.objects:
            raise RefusalError(400, message=f"LFS pointer pointed to a file that does not exist: {path}")
        made[path] = Stored(hub.objects[value["oid"]], large=True)
    elif kind == "deletedFile":
        if path not in made:
            raise RefusalError(404, "EntryNotFound", f"A file with this name doesn't exist: {path}")
        del made[path]
    elif kind == "deletedFolder":
        for name in list(_under(made, path)):
            del made[name]


def _under(made: Mapping[str, Stored], folder: str) -> Iterator[str]:
    yield from (name for name in made if name.startswith(folder.rstrip("/") + "/"))
