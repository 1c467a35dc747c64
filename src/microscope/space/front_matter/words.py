"""The words that a front matter may hold, as the Hub's reference of Spaces lists them; data alone."""

from __future__ import annotations

from collections.abc import Mapping

from microscope.hardware import TIERS

COLOURS = ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray")
SDKS = ("gradio", "docker", "static")
# No SDK of its own any more; the Hub's client still lists it.
DEPRECATED_SDK = "streamlit"
HEADERS = ("mini", "default")
STORAGES = ("small", "medium", "large")
HARDWARE = tuple(tier.name for tier in TIERS if tier.on_hub)

# Granted to every app without being asked for.
GRANTED_SCOPES = ("openid", "profile")
SCOPES = (
    *("email", "read-billing", "read-memberships", "read-repos", "gated-repos", "contribute-repos", "write-repos"),
    *("manage-repos", "read-collections", "write-collections", "inference-api", "read-endpoints", "write-endpoints"),
    *("jobs", "webhooks", "write-discussions"),
)

# The headers that a Space may set, and the values that browsers know for each.
CUSTOM_HEADERS: Mapping[str, tuple[str, ...]] = {
    "cross-origin-embedder-policy": ("unsafe-none", "require-corp", "credentialless"),
    "cross-origin-opener-policy": (
        *("unsafe-none", "same-origin-allow-popups", "same-origin", "noopener-allow-popups"),
    ),
    "cross-origin-resource-policy": ("same-site", "same-origin", "cross-origin"),
}

LONGEST_DESCRIPTION = 60
LONGEST_SIGN_IN_MINUTES = 43200
LAST_PORT = 65535

# What ZeroGPU runs: minor versions, and the patch of each.
ZERO_PYTHONS: Mapping[str, str] = {"3.12": "3.12.12", "3.10": "3.10.13"}
ZERO_GRADIO = 4
# The Gradio that this app is written for.
OUR_GRADIO = (6, 31)

LICENCES_PAGE = "https://huggingface.co/docs/hub/repositories-licenses"
LICENCES = (
    *("apache-2.0", "mit", "openrail", "bigscience-openrail-m", "creativeml-openrail-m", "bigscience-bloom-rail-1.0"),
    *("bigcode-openrail-m", "afl-3.0", "artistic-2.0", "bsl-1.0", "bsd", "bsd-2-clause", "bsd-3-clause"),
    *("bsd-3-clause-clear", "c-uda", "cc", "cc0-1.0", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0"),
    *("cc-by-sa-3.0", "cc-by-sa-4.0", "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nd-4.0"),
    *("cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0"),
    *("cdla-sharing-1.0", "cdla-permissive-1.0", "cdla-permissive-2.0", "wtfpl", "ecl-2.0", "epl-1.0", "epl-2.0"),
    *("etalab-2.0", "eupl-1.1", "eupl-1.2", "agpl-3.0", "gfdl", "gpl", "gpl-2.0", "gpl-3.0", "lgpl", "lgpl-2.1"),
    *("lgpl-3.0", "isc", "h-research", "intel-research", "lppl-1.3c", "ms-pl", "apple-ascl", "apple-amlr", "mpl-2.0"),
    *("odc-by", "odbl", "openmdw-1.0", "openmdw-1.1", "openrail++", "osl-3.0", "postgresql", "ofl-1.1", "ncsa"),
    *("unlicense", "zlib", "pddl", "lgpl-lr", "deepfloyd-if-license", "fair-noncommercial-research-license"),
    *("llama2", "llama3", "llama3.1", "llama3.2", "llama3.3", "llama4", "grok2-community", "gemma", "unknown"),
    "other",
)

# Keys that look right, that the Hub passes over in silence, and what does what they say.
MISTAKEN: Mapping[str, str] = {
    "hardware": "the Hub ignores hardware in a README; write suggested_hardware instead",
    "storage": "the Hub ignores storage in a README; mount a bucket in the Space's settings instead",
    "sleep_time": "the Hub ignores sleep_time in a README; set it in the Space's settings instead",
    "variables": "the Hub ignores variables in a README; add them in the Space's settings instead",
    "secrets": "everybody can read a README, and the Hub takes no secrets from it; remove them, replace them where "
    "they came from, and add the new ones in the Space's settings",
}
