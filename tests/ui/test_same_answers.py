"""The page's engine, the endpoint, the command line and plain transformers give the same tokens for the same seed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from gradio_client import Client, handle_file
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from microscope.engine.pictures import read_picture
from microscope.lens.build import build_lens
from microscope.lens.findings import Finding
from microscope.lens.report import finding_to_dict
from microscope.lens.selection import MAP, Selection, keep_best
from microscope.records import AnswerRequest
from microscope.settings import REPOSITORY
from microscope.ui.app import App

QUESTION = "Describe the image."
# Its answer is a word, which is explained in no time.
SHORT = "What colour is the nine?"
# Of what others asked of the same app, it has more maps.
UNASKED = "Is there a blue four?"
SAMPLED = {"temperature": 0.9, "top_p": 0.95, "top_k": 20, "repetition_penalty": 1.1, "seed": 7}
GREEDY = {"temperature": 0.0, "top_p": 1.0, "top_k": 0, "repetition_penalty": 1.0, "seed": 0}


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Let nobody wait for a core that others have; and sums are taken in the same order everywhere."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def plain_transformers(folder: str, image: Path, options: dict[str, float]) -> list[int]:
    processor = AutoProcessor.from_pretrained(folder, backend="pil")
    model = AutoModelForImageTextToText.from_pretrained(folder, dtype="auto")
    message = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": QUESTION}]}
    prompt = processor.apply_chat_template([message], add_generation_prompt=True)
    inputs = processor(images=[Image.open(image).convert("RGB")], text=[prompt], return_tensors="pt").to(model.dtype)
    torch.manual_seed(options["seed"])
    sampling = {}
    if options["temperature"]:
        sampling = {name: options[name] for name in ("temperature", "top_p", "top_k")}
    generated = model.generate(
        **inputs,
        max_new_tokens=48,
        do_sample=bool(sampling),
        repetition_penalty=options["repetition_penalty"],
        suppress_tokens=[model.config.image_token_id],
        **sampling,
    )
    ids = generated[0, inputs["input_ids"].shape[1] :].tolist()
    return ids[:-1] if ids[-1] == processor.tokenizer.eos_token_id else ids


def command_line(
    command: str, image: Path, question: str, keys: list[str], data: Path, *flags: str
) -> list[dict[str, Any]]:
    """Run a command that asks a question, with a store of its own, and return what it prints as JSON."""
    asked = ["--image", str(image), "--question", question, "--models", ",".join(keys), "--json"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "src"), "MICROSCOPE_DATA": str(data)}
    environment["OMP_NUM_THREADS"] = "1"
    printed = subprocess.run(
        [sys.executable, "-m", "microscope.cli", command, *asked, *flags],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return json.loads(printed)


@pytest.mark.parametrize("options", [GREEDY, SAMPLED], ids=["greedy", "sampled"])
def test_page_endpoint_command_line_and_transformers_agree(
    app: App, url: str, digit: Path, options: dict[str, float], tmp_path: Path
) -> None:
    specs = [app.engine.catalog.specs[0], app.engine.catalog.specs[-1]]
    keys = [spec.key for spec in specs]
    rows = Client(url, verbose=False).predict(
        image=handle_file(digit),
        question=QUESTION,
        checkpoints=keys,
        max_new_tokens=48,
        **options,
        api_name="/compare",
    )
    by_endpoint = {row["checkpoint"]: [token["id"] for token in row["answer"]["tokens"]] for row in rows}
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    printed = command_line("answer", digit, QUESTION, keys, tmp_path, "--max-new-tokens=48", *flags)
    by_command = {row["checkpoint"]: [token["id"] for token in row["answer"]["tokens"]] for row in printed}
    by_hand = {spec.key: plain_transformers(spec.source, digit, options) for spec in specs}
    assert by_endpoint == by_command == by_hand


def told(finding: dict[str, Any]) -> dict[str, Any]:
    """Return what of a finding must be the same wherever it was made: no durations, and no place where it is kept."""
    maps = {
        (heat["method"], heat["token"]): (pytest.approx(heat["values"], rel=1e-3, abs=1e-6), heat["badge"] is not None)
        for heat in finding["heats"]
    }
    tokens = [token["id"] for token in finding["answer"]["tokens"]]
    layout = {name: finding["layout"][name] for name in ("boxes", "views", "positions", "source")}
    return {"tokens": tokens, "prior": pytest.approx(finding["prior"], rel=1e-3), "layout": layout, "maps": maps}


def plain(finding: dict[str, Any]) -> dict[str, Any]:
    """Return the same of another finding, as the numbers they are."""
    maps = {(heat["method"], heat["token"]): (heat["values"], heat["badge"] is not None) for heat in finding["heats"]}
    return told(finding) | {"prior": finding["prior"], "maps": maps}


def test_lens_endpoint_and_command_line_find_the_same(app: App, url: str, digit: Path, tmp_path: Path) -> None:
    keys = [app.engine.catalog.specs[1].key, app.engine.catalog.specs[-1].key]
    rows = Client(url, verbose=False).predict(
        image=handle_file(digit), question=UNASKED, checkpoints=keys, token=0, keep=0.5, api_name="/explain"
    )
    printed = command_line("explain", digit, UNASKED, keys, tmp_path / "command", "--token=0", "--keep=0.5")
    lens = build_lens(app.engine, replace(app.settings, data=tmp_path / "page"))
    asked = AnswerRequest(read_picture(digit), UNASKED, tuple(keys), app.engine.catalog.settings)
    for _ in lens.explain(asked, "relevance", 0):
        pass

    def rest(finding: Finding) -> Selection:
        return keep_best(finding.layout, finding.heat("relevance", 0).values, 0.5, MAP.key)

    last = {event.checkpoint: event for event in lens.reject(asked, rest)}
    for by_endpoint, by_command in zip(rows, printed, strict=True):
        by_page = last[by_endpoint["checkpoint"]]
        expected = told(by_endpoint["finding"])
        assert plain(by_command["finding"]) == expected
        assert plain(finding_to_dict(by_page.finding)) == expected
        assert by_command["change"]["rejected"] == by_endpoint["change"]["rejected"] == list(by_page.change.rejected)
        assert by_command["change"]["text"] == by_endpoint["change"]["text"] == by_page.change.text
