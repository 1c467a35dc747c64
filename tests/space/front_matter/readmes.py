"""READMEs of the kinds that people have, each with what has to be said about it; data alone."""

from __future__ import annotations

from dataclasses import dataclass

HEAD = 'title: A Space\nsdk: gradio\nsdk_version: 6.31.0\npython_version: "3.12"\n'
STATIC = "title: A Space\nsdk: static\n"
LINES = len(HEAD.splitlines()) + 1
# The line of the first field that a case adds.
NEXT = LINES + 1
COMMIT = "11c5a3d5811f50298f278a704980280950aedb10"


def readme(fields: str, head: str = HEAD) -> str:
    """Return a README with a head that has no fault, and fields after it."""
    return f"---\n{head}{fields.rstrip()}\n---\n\n# A Space\n"


def swapped(line: str) -> str:
    """Return a README whose head has another line for the same key."""
    key = line.partition(":")[0]
    kept = [one for one in HEAD.splitlines() if one.partition(":")[0] != key]
    return readme(line, "\n".join(kept) + "\n")


@dataclass(frozen=True)
class Told:
    """What must be said: the key, the line, and words of the sentence; `level` is error or warning."""

    key: str
    line: int
    words: tuple[str, ...]
    level: str = "error"


def wrong(key: str, *words: str, line: int = NEXT) -> Told:
    """Return an error that must be told."""
    return Told(key, line, words)


def warned(key: str, *words: str, line: int = NEXT) -> Told:
    """Return a warning that must be told."""
    return Told(key, line, words, "warning")


# Nothing is to be said about these.
RIGHT: dict[str, str] = {
    "the least": readme(""),
    "a keyed docker Space": "---\ntitle: x\nsdk: docker\napp_port: 8080\n---\n",
    "a static Space with a build": readme("app_build_command: make\napp_file: dist/index.html", STATIC),
    "windows line breaks": readme("pinned: false").replace("\n", "\r\n"),
    "old mac line breaks": "---\rtitle: x\rsdk: static\r---\n",
    "no text after it": "---\ntitle: x\nsdk: static\n---",
    "spaces after the end": "---\ntitle: x\nsdk: static\n---  \ntext",
    "a rule in the text": readme("") + "\n---\n\nmore: text\n",
    "comments": readme("# the tier\nsuggested_hardware: t4-small  # one card"),
    "a colon in quotes": swapped('title: "A Space: the second"'),
    "a folded title": swapped("title: >-\n  A\n  Space"),
    "a title that looks like yes": swapped("title: 'yes'"),
    "yes unquoted is a text to the Hub": swapped("title: yes"),
    "a plain emoji": readme("emoji: 🔬"),
    "an emoji of one text sign": readme("emoji: ❤️"),
    "an emoji of two joined": readme("emoji: 👩‍💻"),
    "a family": readme("emoji: 👨‍👩‍👧‍👦"),
    "a flag": readme("emoji: 🇩🇪"),
    "a flag of tags": readme("emoji: 🏴󠁧󠁢󠁳󠁣󠁴󠁿"),
    "a rainbow flag": readme("emoji: 🏳️‍🌈"),
    "a skin tone": readme("emoji: 👍🏽"),
    "a keycap": readme("emoji: 1️⃣"),
    "an emoji in quotes": readme('emoji: "🚀"'),
    "an emoji as two escapes of json": readme('emoji: "\\uD83D\\uDE80"'),
    "an emoji as one escape": readme('emoji: "\\U0001F680"'),
    "all colours": readme("colorFrom: gray\ncolorTo: purple"),
    "a beta of gradio": swapped('sdk_version: "6.32.0-beta.1"'),
    "a python with its patch": swapped('python_version: "3.12.12"'),
    "an explicit tag": swapped("python_version: !!str 3.12"),
    "the older python of zerogpu": readme(
        'python_version: "3.10"\nsuggested_hardware: zero-a10g', HEAD[: HEAD.index("python")]
    ),
    "the largest hardware": readme("suggested_hardware: rtx-pro-6000x8"),
    "a description of sixty": readme(f"short_description: {'x' * 60}"),
    "sixty with emojis that count two": readme(f"short_description: {'🔬' * 30}"),
    "models": readme("models:\n  - org/name\n  - gpt2\n  - Qwen/Qwen2.5-VL-3B-Instruct"),
    "models in one line": readme("models: [org/a, org/b]\ndatasets: []"),
    "preloading": readme(f"preload_from_hub:\n- a/b\n- a/b c/d.safetensors,e.json\n- gpt2 config.json {COMMIT}"),
    "isolation": readme(
        "custom_headers:\n  cross-origin-embedder-policy: require-corp\n"
        "  cross-origin-opener-policy: same-origin\n  cross-origin-resource-policy: cross-origin"
    ),
    "sign-in": readme(
        "hf_oauth: true\nhf_oauth_scopes:\n- email\n- inference-api\nhf_oauth_expiration_minutes: 43200\n"
        "hf_oauth_authorized_org: [org-a, org-b]"
    ),
    "sign-in for one organisation": readme("hf_oauth: true\nhf_oauth_authorized_org: org-a"),
    "a start of an hour": readme("startup_duration_timeout: 1h"),
    "a start in quotes": readme('startup_duration_timeout: "45 minutes"'),
    "booleans": readme("pinned: true\nfullWidth: false\ndisable_embedding: True"),
    "the rest": readme(
        "header: mini\nbase_path: /lens?x=1\nthumbnail: https://example.org/a.png\ntags:\n- vlm\n- three words here\n"
        "duplicated_from: owner/name\nlanguage: en\ndev-mode-folder: /home/user/app"
    ),
    "a licence": readme("license: cc-by-nc-sa-4.0"),
    "a licence of its own": readme("license: other\nlicense_name: lfm1.0\nlicense_link: LICENSE"),
}

# The README, and all that is to be said about it.
WRONG: dict[str, tuple[str, tuple[Told, ...]]] = {
    # Around the front matter.
    "an empty file": ("", (wrong("", "empty", "exactly ---", line=1),)),
    "no front matter": ("# Title\n\ntext\n", (wrong("", "no front matter", "sdk: gradio", line=1),)),
    "no first dashes": ("title: x\nsdk: static\n---\ntext", (wrong("", "no first ---", line=1),)),
    "text before": ("# Title\n\n" + readme(""), (wrong("", "hides it", "move it below", line=1),)),
    "a badge before": ("\n<img src=x>\n" + readme(""), (wrong("", "hides it", line=2),)),
    "no end": ("---\ntitle: x\nsdk: gradio\n", (wrong("", "no end", "after its last field", line=1),)),
    "no end, and a rule later": (
        "---\ntitle: x\nsdk: static\n\n# Head\n\nSome words of it.\n\n- more: and more\n\n---\nfoot",
        (wrong("", "no end before", "above it", line=5),),
    ),
    "nothing in it": ("---\n---\n# Title", (wrong("", "empty", "sdk: gradio", line=2),)),
    "comments alone in it": ("---\n# nothing\n---\n", (wrong("", "no field", line=2),)),
    "a byte order mark": ("\ufeff" + readme(""), (wrong("", "byte order mark", "without one", line=1),)),
    "spaces after the first dashes": (readme("").replace("---", "--- ", 1), (wrong("", "spaces after ---", line=1),)),
    "a folded beginning": (readme("").replace("---", "--- >-", 1), (wrong("", "exactly ---", "'--- >-'", line=1),)),
    "four dashes": (readme("").replace("---", "----"), (wrong("", "exactly ---", "'----'", line=1),)),
    "a long dash": (readme("").replace("---", "—-"), (wrong("", "exactly ---", line=1),)),
    "empty lines before": ("\n\n" + readme(""), (warned("", "empty lines", line=1),)),
    # No YAML, or none of fields.
    "a list": ("---\n- title: x\n- sdk: gradio\n---\n", (wrong("", "is a list", "key: value", line=2),)),
    "a text": ("---\njust words\n---\n", (wrong("", "the text 'just words'", line=2),)),
    "a tab before a key": (readme("\tpinned: true"), (wrong("pinned", "tab", "spaces"),)),
    "a tab before a value": (readme("pinned:\ttrue"), (wrong("pinned", "tab", "spaces"),)),
    "a colon in the title": (swapped("title: A Space: the second"), (wrong("title", "colon", "quotes", line=LINES),)),
    "no space after the colon": (readme("pinned:true\nheader: mini"), (wrong("pinned", "space is missing"),)),
    "no space after the last colon": (readme("pinned:true"), (wrong("pinned", "space is missing"),)),
    "no space after a dash": (readme("tags:\n- a\n-b"), (wrong("", "neither a field nor", "- value", line=NEXT + 2),)),
    "an open quotation mark": (
        swapped('title: "A Space'),
        (wrong("title", "quotation mark", "never closed", line=LINES),),
    ),
    "an open bracket": (readme("tags: [a, b"), (wrong("tags", "bracket", "close it"),)),
    "an at sign": (swapped("title: @home"), (wrong("title", "begins with @", "quotes", line=LINES),)),
    "a star": (swapped("title: *stars*"), (wrong("title", "begins with *", "quotes", line=LINES),)),
    "a bell": (swapped("title: A\x07Space"), (wrong("title", "U+0007", line=LINES),)),
    "an anchor": (
        readme("colorFrom: &c red\ncolorTo: *c"),
        (warned("", "&c", "write the value out"),),
    ),
    "a tag of another language": (
        swapped("title: !ruby/sym x"),
        (wrong("title", "begins with !", "without it", line=LINES),),
    ),
    # Keys.
    "a key twice": (readme("pinned: false\npinned: true"), (wrong("pinned", f"first in line {NEXT}", line=NEXT + 1),)),
    "hardware": (readme("hardware: zero-a10g"), (wrong("hardware", "ignores", "suggested_hardware instead"),)),
    "storage": (readme("storage: small"), (wrong("storage", "bucket"),)),
    "a secret": (readme("secrets:\n  HF_TOKEN: hf_x"), (wrong("secrets", "everybody can read", "settings"),)),
    "a letter missing": (
        readme("suggested_hardwre: t4-small"),
        (wrong("suggested_hardwre", "ignores", "did you mean 'suggested_hardware'?"),),
    ),
    "another case": (readme("colorfrom: red"), (wrong("colorfrom", "did you mean 'colorFrom'?"),)),
    "a camel": (readme("shortDescription: x"), (wrong("shortDescription", "'short_description'?"),)),
    "a key of nobody": (readme("zodiac: libra"), (warned("zodiac", "no field of a Space", "remove it"),)),
    "no value": (readme("hf_oauth:"), (wrong("hf_oauth", "no value", "remove the line"),)),
    "an empty value": (swapped('title: ""'), (wrong("title", "is empty", line=LINES),)),
    # Texts that YAML reads as something else.
    "a year for a title": (
        swapped("title: 2048"),
        (wrong("title", "a number", 'write "2048" in quotes', line=LINES),),
    ),
    "true for a title": (swapped("title: True"), (wrong("title", "true or false", 'write "True"', line=LINES),)),
    "a day for a title": (swapped("title: 2026-11-21"), (wrong("title", "a date", '"2026-11-21"', line=LINES),)),
    "a list for a title": (swapped("title: [a, b]"), (wrong("title", "is a list", "one value", line=LINES),)),
    "braces for a title": (swapped("title: {{ name }}"), (wrong("title", "indented fields", line=LINES),)),
    # Emojis.
    "letters": (readme("emoji: VL"), (wrong("emoji", "'VL'", "no letters"),)),
    "a digit": (readme("emoji: '1'"), (wrong("emoji", "no letters"),)),
    "half a flag": (readme("emoji: 🇩"), (wrong("emoji", "one emoji"),)),
    "two emojis": (readme("emoji: 🚀🔬"), (wrong("emoji", "one emoji alone", "🚀"),)),
    "a name": (readme("emoji: ':rocket:'"), (wrong("emoji", "itself", "not its name"),)),
    "an escape as written": (readme("emoji: \\U0001F680"), (wrong("emoji", "itself"),)),
    "another encoding": (readme("emoji: ðŸš€"), (wrong("emoji", "UTF-8", "🚀"),)),
    "an escape beyond unicode": (
        readme('pinned: true\nemoji: "\\U0011F680"'),
        (wrong("emoji", "names no character", line=NEXT + 1),),
    ),
    "a text variant": (readme("emoji: ❤\ufe0e"), (wrong("emoji", "one emoji"),)),
    "a space beside": (readme('emoji: "🚀 "'), (wrong("emoji", "without spaces"),)),
    # Enumerations.
    "a colour by number": (readme('colorFrom: "#4F46E5"'), (wrong("colorFrom", "red, yellow", "gray"),)),
    "grey": (readme("colorTo: grey"), (wrong("colorTo", "did you mean 'gray'?"),)),
    "orange": (readme("colorTo: orange"), (wrong("colorTo", "allowed are red"),)),
    "a capital": (swapped("sdk: Gradio"), (wrong("sdk", "did you mean 'gradio'?", line=LINES),)),
    "streamlit": (swapped("sdk: streamlit"), (warned("sdk", "no SDK of its own", "docker", line=LINES),)),
    "no sdk": ("---\ntitle: x\n---\n", (wrong("sdk", "missing", "sdk: gradio", line=2),)),
    "a wide header": (readme("header: minimal"), (wrong("header", "did you mean 'mini'?"),)),
    "zerogpu by its name": (readme("suggested_hardware: zerogpu"), (wrong("suggested_hardware", "'zero-a10g'"),)),
    "half a name": (
        readme("suggested_hardware: a10g"),
        (wrong("suggested_hardware", "write which one, a10g-small, a10g-large, a10g-largex2"),),
    ),
    "a removed card": (
        readme("suggested_hardware: h100"),
        (wrong("suggested_hardware", "any more", "microscope tiers"),),
    ),
    "hardware of a laptop": (
        readme("suggested_hardware: local-cuda"),
        (wrong("suggested_hardware", "microscope tiers"),),
    ),
    "a licence in capitals": (readme("license: Apache-2.0"), (wrong("license", "did you mean 'apache-2.0'?"),)),
    "a licence in words": (readme("license: Apache 2.0"), (wrong("license", "did you mean 'apache-2.0'?"),)),
    "a licence of nobody": (readme("license: mixed"), (wrong("license", "repositories-licenses"),)),
    "persistent storage": (readme("suggested_storage: small"), (warned("suggested_storage", "ignored", "bucket"),)),
    "huge storage": (readme("suggested_storage: huge"), (wrong("suggested_storage", "small, medium, large"),)),
    # Numbers, versions, booleans.
    "python 3.10 unquoted": (
        swapped("python_version: 3.10"),
        (wrong("python_version", "the number 3.1;", 'python_version: "3.10"', line=LINES),),
    ),
    "python 3.12 unquoted": (
        swapped("python_version: 3.12"),
        (warned("python_version", "3.10 would become 3.1", '"3.12"', line=LINES),),
    ),
    "python 3": (swapped("python_version: 3"), (wrong("python_version", '"3.12"', line=LINES),)),
    "python with a sign": (swapped('python_version: ">=3.10"'), (wrong("python_version", '"3.12.12"', line=LINES),)),
    "python 2": (swapped('python_version: "2.7"'), (wrong("python_version", "'2.7'", line=LINES),)),
    "gradio 6.30 unquoted": (swapped("sdk_version: 6.30"), (wrong("sdk_version", "6.3;", '"6.30"', line=LINES),)),
    "gradio with a v": (swapped("sdk_version: v6.31.0"), (wrong("sdk_version", "such as 6.31.0", line=LINES),)),
    "the latest gradio": (swapped("sdk_version: latest"), (wrong("sdk_version", "one version", line=LINES),)),
    "an older gradio": (swapped("sdk_version: 5.49.1"), (warned("sdk_version", "older than the 6.31", line=LINES),)),
    "yes for true": (readme("pinned: yes"), (wrong("pinned", "true or false"),)),
    "true in quotes": (readme('pinned: "true"'), (wrong("pinned", "in quotes", "write true alone"),)),
    "one for true": (readme("hf_oauth: 1"), (wrong("hf_oauth", "true or false"),)),
    "a port in quotes": (
        '---\ntitle: x\nsdk: docker\napp_port: "7860"\n---\n',
        (wrong("app_port", "7860 alone", line=4),),
    ),
    "a port too high": (
        "---\ntitle: x\nsdk: docker\napp_port: 78600\n---\n",
        (wrong("app_port", "1 to 65535", line=4),),
    ),
    "a sign-in too long": (
        readme("hf_oauth: true\nhf_oauth_expiration_minutes: 43201"),
        (wrong("hf_oauth_expiration_minutes", "43200", line=NEXT + 1),),
    ),
    "a sign-in of no time": (
        readme("hf_oauth: true\nhf_oauth_expiration_minutes: 0"),
        (wrong("hf_oauth_expiration_minutes", "from 1", line=NEXT + 1),),
    ),
    # Texts with a shape.
    "a description too long": (
        readme(f"short_description: {'x' * 61}"),
        (wrong("short_description", "61 characters", "to 60"),),
    ),
    "a description too long for the hub alone": (
        readme(f"short_description: {'x' * 40}{'🔬' * 11}"),
        (wrong("short_description", "62 characters", "emojis as two"),),
    ),
    "a start without a unit": (
        readme("startup_duration_timeout: 30"),
        (wrong("startup_duration_timeout", "unit", "30m"),),
    ),
    "a start in words": (readme("startup_duration_timeout: soon"), (wrong("startup_duration_timeout", "30m or 1h"),)),
    "a start of nothing": (readme("startup_duration_timeout: 0m"), (wrong("startup_duration_timeout", "above zero"),)),
    "a start in two units": (readme("startup_duration_timeout: 1h30m"), (warned("startup_duration_timeout", "90m"),)),
    "a path from the root": (readme("app_file: /app/app.py"), (wrong("app_file", "top of the repository"),)),
    "a path of windows": (readme("app_file: src\\app.py"), (wrong("app_file", "top of the repository"),)),
    "a page without its slash": (readme("base_path: lens"), (wrong("base_path", "begin it with /"),)),
    "a thumbnail in the repository": (readme("thumbnail: assets/x.png"), (wrong("thumbnail", "https://"),)),
    "a copy of a page": (
        readme("duplicated_from: https://hf.co/spaces/a/b"),
        (wrong("duplicated_from", "owner/name"),),
    ),
    # Lists.
    "one model": (readme("models: org/name"), (wrong("models", "'org/name', one value", "- value"),)),
    "a page of a model": (
        readme("models:\n- https://huggingface.co/org/name/tree/main"),
        (wrong("models", "the id alone, org/name", line=NEXT + 1),),
    ),
    "a model with its revision": (readme("models:\n- a/b\n- a/b@main"), (wrong("models", "org/name", line=NEXT + 2),)),
    "a model twice": (
        readme("models:\n- a/b\n- a/b"),
        (warned("models", "twice", f"line {NEXT + 1}", line=NEXT + 2),),
    ),
    "tags in one text": (readme("tags: vlm, vqa"), (wrong("tags", "write a list"),)),
    "a number among tags": (readme("tags:\n- vlm\n- 2026"), (wrong("tags", "a number", '"2026"', line=NEXT + 2),)),
    "a scope of nobody": (
        readme("hf_oauth: true\nhf_oauth_scopes:\n- read-repo"),
        (wrong("hf_oauth_scopes", "did you mean 'read-repos'?", line=NEXT + 2),),
    ),
    "a scope of everybody": (
        readme("hf_oauth: true\nhf_oauth_scopes:\n- openid"),
        (warned("hf_oauth_scopes", "every sign-in grants", line=NEXT + 2),),
    ),
    "scopes without sign-in": (
        readme("hf_oauth_scopes:\n- email"),
        (warned("hf_oauth_scopes", "hf_oauth: true"),),
    ),
    "files without a repository": (
        readme("preload_from_hub:\n- a/b/c d"),
        (wrong("preload_from_hub", "org/name", line=NEXT + 1),),
    ),
    "files with spaces": (
        readme("preload_from_hub:\n- a/b c.json, d.json"),
        (wrong("preload_from_hub", "one comma between two", line=NEXT + 1),),
    ),
    "a short commit": (
        readme("preload_from_hub:\n- a/b c.json 11c5a3d"),
        (wrong("preload_from_hub", "whole commit", line=NEXT + 1),),
    ),
    "a commit for files": (
        readme(f"preload_from_hub:\n- a/b {COMMIT}"),
        (wrong("preload_from_hub", "files before the commit", line=NEXT + 1),),
    ),
    "a header of one's own": (
        readme("custom_headers:\n  x-frame-options: deny"),
        (wrong("custom_headers", "may not set", "cross-origin-", line=NEXT + 1),),
    ),
    "a header in capitals": (
        readme("custom_headers:\n  Cross-Origin-Opener-Policy: same-origin"),
        (wrong("custom_headers", "lower case", line=NEXT + 1),),
    ),
    "a header's value in capitals": (
        readme("custom_headers:\n  cross-origin-opener-policy: Same-Origin"),
        (wrong("custom_headers", "did you mean 'same-origin'?", line=NEXT + 1),),
    ),
    "headers in a list": (
        readme("custom_headers:\n- cross-origin-opener-policy"),
        (wrong("custom_headers", "is a list", "header: value"),),
    ),
    # Fields beside each other.
    "a port of gradio": (readme("app_port: 7860"), (warned("app_port", "ignored with sdk: gradio"),)),
    "a build of gradio": (readme("app_build_command: make"), (warned("app_build_command", "static"),)),
    "a page of a static Space": (
        "---\ntitle: x\nsdk: static\nbase_path: /a\n---\n",
        (warned("base_path", "app_file", line=4),),
    ),
    "no versions": (
        "---\ntitle: x\nsdk: gradio\n---\n",
        (warned("sdk_version", "missing", line=3), warned("python_version", "missing", line=3)),
    ),
    "no title": ("---\nsdk: static\n---\n", (warned("title", "repository's name", line=2),)),
    "zerogpu under docker": (
        "---\ntitle: x\nsdk: docker\nsuggested_hardware: zero-a10g\n---\n",
        (wrong("suggested_hardware", "Gradio alone", line=4),),
    ),
    "zerogpu with another python": (
        readme('suggested_hardware: zero-a10g\npython_version: "3.11"', HEAD[: HEAD.index("python")]),
        (wrong("python_version", "3.12 or 3.10", "3.11", line=LINES + 1),),
    ),
    "zerogpu with another patch": (
        readme('suggested_hardware: zero-a10g\npython_version: "3.12.3"', HEAD[: HEAD.index("python")]),
        (wrong("python_version", "3.12.3", line=LINES + 1),),
    ),
    "zerogpu with gradio 3": (
        readme(
            'suggested_hardware: zero-a10g\nsdk_version: 3.50.2\npython_version: "3.12"', "title: x\nsdk: gradio\n"
        ),
        (wrong("sdk_version", "needs Gradio 4", line=5), warned("sdk_version", "older", line=5)),
    ),
}
