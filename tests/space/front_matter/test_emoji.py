"""What one emoji is, in all of Unicode's ways, and what is none."""

from __future__ import annotations

import pytest

from microscope.space.front_matter.emoji import emoji_advice, is_emoji

EMOJIS = {
    "presented as one": "🔬",
    "of the plane below": "⚡",
    "of unicode 16": "\U0001fae9",
    "a text sign with its selector": "❤️",
    "a text sign alone": "🖼",
    "a trade mark": "™️",
    "a joined profession": "👩‍💻",
    "a joined one with a selector": "🧔‍♂️",
    "a heart on fire": "❤️‍🔥",
    "a family": "👨‍👩‍👧‍👦",
    "a toned couple": "🧑🏽‍🤝‍🧑🏿",
    "a toned hand": "👍🏽",
    "a toned sign of text": "☝🏽",
    "a toned athlete": "🏋🏽‍♀️",
    "a flag": "🇺🇳",
    "a flag of tags": "🏴󠁧󠁢󠁷󠁬󠁳󠁿",
    "a joined flag": "🏴‍☠️",
    "a keycap": "7️⃣",
    "a keycap of a sign": "#️⃣",
    "a keycap without its selector": "*\u20e3",
}
NONE = {
    "letters": "abc",
    "a digit": "7",
    "a sign": "#",
    "a letter of another script": "π",
    "a Chinese character": "谢",
    "half a flag": "🇺",
    "three letters of flags": "🇺🇳🇩",
    "two": "🚀🚀",
    "with a letter": "🚀x",
    "a tone where none goes": "🔬🏽",
    "a joiner at the end": "👩‍",
    "a joiner alone": "\u200d",
    "a selector alone": "\ufe0f",
    "a sign as text": "❤\ufe0e",
    "a smiley of signs": ":-)",
    "nothing": "",
    "a line break after": "🚀\n",
}


@pytest.mark.parametrize("name", EMOJIS)
def test_an_emoji_is_one(name: str) -> None:
    assert is_emoji(EMOJIS[name])
    assert emoji_advice(EMOJIS[name]) == ""


@pytest.mark.parametrize("name", NONE)
def test_what_is_no_emoji_is_none(name: str) -> None:
    assert not is_emoji(NONE[name])
    assert emoji_advice(NONE[name])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("🚀 ", "write 🚀 without spaces"),
        ("🚀🔬👍🏽", "one emoji alone, such as 🚀"),
        ("👍🏽 🚀", "one emoji alone, such as 👍🏽"),
        (":microscope:", "itself"),
        ("rocket:", "itself"),
        ("&#128640;", "itself"),
        ("U+1F680", "itself"),
        ("\\u1F680", "itself"),
        ("ðŸš€", "UTF-8 with 🚀"),
        ("ð\x9f\x9a\x80", "UTF-8 with 🚀"),
        ("Rocket", "no letters"),
        ("café", "no letters"),
    ],
)
def test_the_advice_is_about_the_mistake(text: str, words: str) -> None:
    assert words in emoji_advice(text)
