"""The checklist of a copy: what is set, what is missing and the text that sets it, what it costs; asks nobody.

A warning is missing and worth a minute, a failure keeps something from working; what is merely possible is skipped.
Nothing of it is needed to begin, and no secret is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from microscope.space.configure import price_of
from microscope.space.cost import ZERO
from microscope.space.facts import DATA, Facts
from microscope.space.findings import Finding, Status
from microscope.space.template import update_command

BEGIN = "Nothing here is needed to begin, and no secret is: the embedded checkpoints answer at once."
NAMED = 5
DIGEST_SHOWN = 12
# Where the app takes what the Hub's webhooks send.
HOOK = "/hooks/hub"


def checklist(facts: Facts) -> tuple[Finding, ...]:
    """Return one finding for each thing that a copy can be given, in the order in which people need them."""
    parts = (_checkpoints, _refused, _token, _hardware, _sign_in, _storage, _deploys, _webhook, _version)
    return tuple(finding for part in parts for finding in part(facts))


def missing(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return the findings that somebody has to do something about, failures first."""
    worth = [finding for finding in findings if finding.status in (Status.FAILED, Status.WARNING)]
    return tuple(sorted(worth, key=lambda finding: finding.status is not Status.FAILED))


def _checkpoints(facts: Facts) -> Iterator[Finding]:
    offered, subject = facts.offered, "Checkpoints"
    own = _variable(facts, f"MICROSCOPE_MODELS={facts.author or 'org'}/model")
    advice = "Name your own in the variable MICROSCOPE_MODELS, or in models.yaml."
    if not offered.labels:
        yield Finding(subject, Status.FAILED, "No checkpoint can be offered, so nothing can be asked.", advice, own)
    elif offered.embedded == len(offered.labels):
        detail = "Only the embedded checkpoints are offered: small ones, which answer at once and cost nothing to try."
        yield Finding(subject, Status.WARNING, detail, advice, own)
    else:
        where = "the variable MICROSCOPE_MODELS" if "MICROSCOPE" in offered.preset else f"the preset {offered.preset}"
        detail = f"{_counted(len(offered.labels), 'checkpoint')} of {where}: {_listed(offered.labels)}."
        yield Finding(subject, Status.OK, detail, advice, own)


def _refused(facts: Facts) -> Iterator[Finding]:
    """Yield the entries that cannot be offered; the gated ones are the token's."""
    found = [bad for bad in facts.offered.refused if not (not facts.token and "is gated" in bad.reason)]
    for bad in found[:NAMED]:
        advice = "Do what it says, or take the entry out."
        yield Finding(f"Checkpoint {bad.name}", Status.WARNING, bad.reason, advice)
    if found[NAMED:]:
        more = f"{len(found) - NAMED} more cannot be offered."
        yield Finding("More checkpoints", Status.WARNING, more, "The Compare tab lists them under Not available.")


def _token(facts: Facts) -> Iterator[Finding]:
    subject, gated = "Token", facts.offered.gated
    if facts.token:
        used = f" It is needed for {_listed(gated)}." if gated else " No checkpoint that is offered needs it."
        yield Finding(subject, Status.OK, f"There is a token of the Hub.{used} Nobody is shown it.")
    elif gated:
        pages = " and ".join(f"https://huggingface.co/{name}" for name in gated[:NAMED])
        yield Finding(
            subject,
            Status.WARNING,
            f"{_listed(gated)}: gated, and there is no token. It costs nothing.",
            f"Accept the licence on {pages}, then set the secret HF_TOKEN; this takes your own token.",
            f"hf spaces secrets add {facts.space} -s HF_TOKEN" if facts.space else "hf auth login",
        )
    else:
        detail = "Not set, and not needed: only gated and private checkpoints need the secret HF_TOKEN."
        yield Finding(subject, Status.SKIPPED, detail)


def _hardware(facts: Facts) -> Iterator[Finding]:
    subject, here = "Hardware", facts.machine.tier
    if facts.space is None:
        yield Finding(subject, Status.OK, f"{facts.machine.device_name}, of your own: nobody is billed by the hour.")
    elif facts.difference and facts.asked is not None:
        yield Finding(
            subject,
            Status.WARNING,
            facts.difference,
            f"To have {facts.asked} ({price_of(facts.asked)}), run this.",
            f"hf spaces settings {facts.space} --hardware {facts.asked}",
        )
    else:
        asked = ", as README.md asks for" if facts.asked == here.name else ""
        yield Finding(subject, Status.OK, f"{here.name}{asked}: {_price(facts)}")


def _sign_in(facts: Facts) -> Iterator[Finding]:
    subject = "Sign-in"
    if facts.space is None:
        yield Finding(
            subject, Status.SKIPPED, "Not needed: whoever opens the page on this machine counts as the owner."
        )
    elif facts.oauth:
        who = f"who signs in as {facts.author}, and who created the Space" if facts.author else "who created the Space"
        yield Finding(subject, Status.OK, f"The owner is {who}; nobody else sees this.")
    else:
        detail = "Nobody can sign in, so nobody is known as the owner. It costs nothing."
        advice = "Write this line into the head of README.md; the Space starts anew."
        yield Finding(subject, Status.FAILED, detail, advice, "hf_oauth: true")


def _storage(facts: Facts) -> Iterator[Finding]:
    subject, kept = "Storage", facts.storage
    if not kept.writable:
        detail = f"{kept.folder} cannot be written, so no answer and no result is kept."
        advice = "Mount a volume that may be written, or name another folder in the variable MICROSCOPE_DATA."
        # Where it is a volume that cannot be written, to name it again would mend nothing.
        again = kept.folder.is_relative_to(DATA)
        value = _mount(facts.space) if facts.space and again else _variable(facts, f"MICROSCOPE_DATA={DATA}")
        yield Finding(subject, Status.FAILED, detail, advice, value)
    elif facts.space is None:
        yield Finding(subject, Status.OK, f"Answers and results are kept in {kept.folder}, on this machine.")
    elif kept.volume is not None:
        detail = f"Answers and results are kept in {kept.folder}, on the volume {kept.volume}, over restarts."
        yield Finding(subject, Status.OK, detail)
    elif kept.spare is not None:
        detail = f"The volume {kept.spare} is mounted, and answers and results are kept beside it, in {kept.folder}."
        advice = "Name a folder on it: a restart empties the Space's own disk."
        yield Finding(subject, Status.WARNING, detail, advice, _variable(facts, f"MICROSCOPE_DATA={kept.spare}"))
    else:
        detail = f"Answers and results lie in {kept.folder}, on the Space's own disk: every restart empties it."
        advice = (
            "Mount a bucket, in place of what is mounted now. It counts as storage of your account; "
            "https://huggingface.co/pricing tells what that costs."
        )
        yield Finding(subject, Status.WARNING, detail, advice, _mount(facts.space))


def _mount(space: str) -> str:
    """Return the commands that mount a bucket of the Space's own."""
    bucket = f"{space}-data"
    return "\n".join(
        (
            f"hf buckets create {bucket} --private --exist-ok",
            f"hf spaces volumes set {space} -v hf://buckets/{bucket}:{DATA}",
            f"hf spaces variables add {space} -e MICROSCOPE_DATA={DATA}",
        )
    )


def _deploys(facts: Facts) -> Iterator[Finding]:
    if facts.space is None:
        detail = "This is no Space. One on ZeroGPU costs its owner nothing."
        advice = "To have one: create it, then run microscope space deploy with the same name."
        yield Finding("Space", Status.SKIPPED, detail, advice, "microscope space create you/vlm-microscope")
        return
    yield Finding(
        "Deploys",
        Status.SKIPPED,
        "Possible: every push to a repository of yours is deployed, proven to answer, and taken back where it does "
        "not. No token is kept for it, and it costs nothing. Whether it is set, only the settings page shows.",
        "There, under Trusted Publishers, add GitHub Actions with your repository and its branch main; in the "
        "repository, add the variable SPACE.",
        f"gh variable set SPACE --body {facts.space}",
    )


def _webhook(facts: Facts) -> Iterator[Finding]:
    subject = "Webhook"
    if facts.space is None:
        return
    if facts.webhook:
        yield Finding(
            subject,
            Status.OK,
            "Its secret is set: the Hub may tell this Space of a new checkpoint.",
            "At https://huggingface.co/settings/webhooks, add one that watches your model, with the same secret and "
            "this address.",
            f"https://{facts.host}{HOOK}" if facts.host else "",
        )
        return
    start = ", with the next start" if facts.machine.kind == "zero" else ""
    yield Finding(
        subject,
        Status.SKIPPED,
        f"Possible: the Hub tells this Space of a new checkpoint, which comes in without a rebuild{start} if it is no "
        "worse. It costs nothing.",
        "Put a secret of your own into the environment variable of that name, run this, then give it to the Hub's "
        "webhook.",
        f"hf spaces secrets add {facts.space} -s MICROSCOPE_WEBHOOK_SECRET",
    )


def _version(facts: Facts) -> Iterator[Finding]:
    told = facts.template
    copied = f", a duplicate of {told.origin}" if told.origin is not None else ""
    if told.digest is not None:
        files = f" Its files had the digest {told.digest[:DIGEST_SHOWN]} when they were deployed."
    else:
        files = " It was not deployed by our command, so an update asks you about files that differ."
    detail = f"VLM Microscope {told.version}{copied}."
    if facts.space is None:
        yield Finding("Version", Status.OK, detail)
        return
    advice = "A later version comes with this; models.yaml, your README's text and the settings stay yours."
    yield Finding("Version", Status.OK, detail + files, advice, update_command(facts.space, told.origin))


def _price(facts: Facts) -> str:
    """Return in a sentence what the hardware costs the owner."""
    price = facts.machine.tier.price_per_hour
    if price is None and facts.machine.tier.name != ZERO:
        return "its price is not known here; the settings page shows it."
    if price is None:
        return "it costs you nothing; each visitor has a daily quota of their own."
    return (
        f"it costs ${price:.2f} an hour while it runs."
        if price
        else "it is free, and sleeps after 48 hours unvisited."
    )


def _variable(facts: Facts, line: str) -> str:
    """Return what sets a variable: a command for the Space, or the line itself."""
    return f"hf spaces variables add {facts.space} -e {line}" if facts.space else line


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
