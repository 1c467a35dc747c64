"""Whether a text is one emoji, and what to say where it is none; knows nothing of YAML.

An emoji may be several characters: flags of two letters or of tags, keycaps, skin tones, and families that a joiner
keeps together. `regex` has Unicode's own properties for these, which the standard library has not; transformers
brings it to every machine that this app runs on.
"""

from __future__ import annotations

import regex

_PART = (
    r"(?:\p{RI}\p{RI}"
    r"|[0-9#*]\uFE0F?\u20E3"
    r"|\U0001F3F4[\U000E0020-\U000E007E]+\U000E007F"
    r"|\p{Emoji_Modifier_Base}\uFE0F?\p{Emoji_Modifier}"
    # Digits and the two signs of keycaps have the property Emoji as well; alone they are text.
    r"|(?!\p{RI})(?:\p{Extended_Pictographic}|\p{Emoji_Presentation})\uFE0F?)"
)
_ONE = regex.compile(rf"{_PART}(?:\u200D{_PART})*")
_SHORTCODE = regex.compile(r":?[a-z0-9_+-]+:")
_ESCAPE = regex.compile(r"(?:\\[uUx]|&#x?|U\+)[0-9A-Fa-f]+;?")


def is_emoji(text: str) -> bool:
    """Tell whether a text is exactly one emoji."""
    return _ONE.fullmatch(text) is not None


def emoji_advice(text: str) -> str:
    """Return what to write instead of a text; empty where it is one emoji."""
    if is_emoji(text):
        return ""
    if is_emoji(text.strip()):
        return f"write {text.strip()} without spaces around it"
    if _ONE.match(text) and not _ONE.sub("", text).strip():
        return f"write one emoji alone, such as {_first(text)}"
    meant = _misread(text)
    if meant:
        return f"it was read in another encoding on its way, so save the file as UTF-8 with {meant}"
    if _SHORTCODE.fullmatch(text) or _ESCAPE.fullmatch(text):
        return "paste the emoji itself, such as 🔬, and not its name or number"
    return "write one emoji, such as 🔬, and no letters"


def _first(text: str) -> str:
    found = _ONE.match(text)
    return found[0] if found else ""


def _misread(text: str) -> str:
    """Return the emoji whose UTF-8 bytes somebody read as another encoding, or an empty text."""
    for encoding in ("cp1252", "latin-1"):
        try:
            meant = text.encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
        if is_emoji(meant):
            return meant
    return ""
