"""The page's engine, the endpoint, the command line and plain transformers give the same tokens for the same seed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from gradio_client import Client, handle_file
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from microscope.settings import REPOSITORY
from microscope.ui.app import App

QUESTION = "Describe the image."
SAMPLED = {"temperature": 0.9, "top_p": 0.95, "top_k": 20, "repetition_penalty": 1.1, "seed": 7}
GREEDY = {"temperature": 0.0, "top_p": 1.0, "top_k": 0, "repetition_penalty": 1.0, "seed": 0}


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
    command = [sys.executable, "-m", "microscope.cli", "answer", "--image", str(digit), "--question", QUESTION]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "src"), "MICROSCOPE_DATA": str(tmp_path)}
    printed = subprocess.run(
        [*command, "--models", ",".join(keys), "--json", "--max-new-tokens=48", *flags],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    by_command = {row["checkpoint"]: [token["id"] for token in row["answer"]["tokens"]] for row in json.loads(printed)}
    by_hand = {spec.key: plain_transformers(spec.source, digit, options) for spec in specs}
    assert by_endpoint == by_command == by_hand
