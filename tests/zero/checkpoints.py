"""The checkpoints that the scenarios ask, of the embedded architecture and never trained, and what they are asked."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from PIL import Image

from microscope.engine.pictures import image_to_picture
from microscope.records import Picture
from microscope.tiny.model import build_model, build_processor
from microscope.tiny.train import save

FOLDERS = {
    "step-1": "run/step-1",
    "step-2": "run/step-2",
    "packed": "hub/org/packed",
    "late": "hub/org/late",
    "spare": "spare",
    "damaged": "damaged",
}
# Of these, the first three that load fit into what is packed.
CATALOGUE = """
models:
  damaged: {folder: damaged}
  run: {run: run}
  packed: {hub: org/packed, parameters: 1.4M}
  late: {hub: org/late, parameters: 1.4M}
  spare: {folder: spare}
presets:
  zero-a10g: [damaged, run, packed, late, spare]
"""
PACKED_AT_MOST = "9MB"
QUESTION = "how many objects are there?"


def picture() -> Picture:
    """Return the picture that is asked about."""
    return image_to_picture(Image.new("RGB", (64, 48), (200, 40, 40)))


def furnish(home: Path) -> None:
    """Write the catalogue and its checkpoints below `home`: folders, and repositories for the loopback Hub."""
    (home / "models.yaml").write_text(CATALOGUE)
    for seed, folder in enumerate(FOLDERS.values()):
        write_checkpoint(home / folder, seed)
    config = home / FOLDERS["damaged"] / "config.json"
    content = json.loads(config.read_text())
    content["text_config"]["hidden_size"] *= 2
    config.write_text(json.dumps(content))


def write_checkpoint(folder: Path, seed: int) -> None:
    """Write a checkpoint that never ends an answer, and whose answers are many different words."""
    torch.manual_seed(seed)
    processor = build_processor()
    model = build_model(processor.tokenizer)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            # As they are initialised, the tied embeddings make every token repeat itself.
            if weight.dim() > 1 and "embed_tokens" not in name:
                weight.mul_(6)
    save(model, processor, folder)
    generation = folder / "generation_config.json"
    content = json.loads(generation.read_text())
    del content["eos_token_id"]
    generation.write_text(json.dumps(content))
