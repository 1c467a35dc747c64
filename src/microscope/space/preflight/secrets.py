"""Looks for secrets in what would be uploaded, where everybody could read them; asks no service whether one is valid.

What is found: tokens and keys of a known form, private keys, passwords in addresses, values given to names such as
`password`, and files that hold nothing else. What is not: a random text under a harmless name, for hashes, names of
models and ids of commits look the same. `pragma: allowlist secret` in a line says that it is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from microscope.space.findings import Finding
from microscope.space.preflight.base import Check, Project, failed, fine, warned

NAME = "Secrets"
ADVICE = "Remove it, make a new one in its place, and set that as a secret with microscope space configure --secret."
FILES = (".env", ".env.*", ".netrc", ".pypirc", ".git-credentials", "id_rsa", "id_ed25519", "*.pem", "*.p12", "*.pfx")
PARTS = ("core.plugins.util", "plugins.keyword", "core.scan", "settings")
MOST_BYTES = 2 * 10**6
ALLOWED = "pragma: allowlist secret"
# Detectors that guess by how random a text is, and one that takes versions for addresses.
GUESSES = frozenset({"Base64HighEntropyString", "HexHighEntropyString", "IPPublicDetector"})
NAMED = "Secret Keyword"
_OURS = re.compile(r"\bhf_(?:jwt_[\w.-]{20,}|[A-Za-z0-9]{30,})")
_SENTENCE = re.compile(r"\s\S+\s")


def run(project: Project) -> Sequence[Finding]:
    """Return where secrets stand, by file and line, and never what they are."""
    files = [path for path in project.paths if _holds_nothing_else(path)]
    texts = [path for path in project.paths if path not in files and _is_text(project.root / path)]
    found = [failed(NAME, f"{path} is a file of secrets.", ADVICE) for path in files]
    for path in texts:
        found.extend(_ours(project.root, path))
    if find_spec("detect_secrets") is None:
        advice = "Install it to have the others found: python -m pip install detect-secrets."
        found.append(
            warned(NAME, "detect-secrets is not installed, so only tokens of the Hub were looked for.", advice)
        )
    else:
        found.extend(_known(project.root, texts))
    return found or [fine(NAME, f"None in {len(texts)} texts.")]


def _holds_nothing_else(path: str) -> bool:
    name = path.rpartition("/")[2]
    return any(fnmatch(name, pattern) for pattern in FILES)


def _is_text(path: Path) -> bool:
    if path.stat().st_size > MOST_BYTES:
        return False
    return b"\0" not in path.read_bytes()


def _ours(root: Path, path: str) -> Iterator[Finding]:
    lines = (root / path).read_text(encoding="utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines, start=1):
        if ALLOWED not in line and _OURS.search(line):
            yield failed(NAME, f"{path}, line {number} holds a token of the Hub.", ADVICE)


def _known(root: Path, paths: Sequence[str]) -> Iterator[Finding]:
    # A tool of development, which a Space has not.
    plugins, keyword, scan, settings = (import_module(f"detect_secrets.{part}") for part in PARTS)
    kinds = {kind.__name__ for kind in plugins.get_mapping_from_secret_type_to_class().values()} - GUESSES
    words = re.compile("|".join(keyword.DENYLIST), re.IGNORECASE)
    with settings.transient_settings({"plugins_used": [{"name": kind} for kind in sorted(kinds)]}):
        forms = [form for plugin in settings.get_plugins() for form in getattr(plugin, "denylist", ())]
        for path in paths:
            # It takes its time over each line, and most files have nothing that any of it looks for.
            text = (root / path).read_text(encoding="utf-8", errors="replace")
            if not words.search(text) and not any(form.search(text) for form in forms):
                continue
            for secret in scan.scan_file(str(root / path)):
                # A sentence that stands under such a name is none.
                if secret.type != NAMED or not _SENTENCE.search(secret.secret_value or ""):
                    yield failed(NAME, f"{path}, line {secret.line_number} holds a secret ({secret.type}).", ADVICE)


CHECK = Check(NAME, run, slow=True)
