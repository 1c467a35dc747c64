"""Training: the whole path in a few steps, the same weights from the same seed, and folders that simply load."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForImageTextToText, AutoProcessor, Idefics3Processor

from microscope.tiny.model import END, build_model
from microscope.tiny.packing import PATCHES, Packer, attention_mask
from microscope.tiny.questions import ask
from microscope.tiny.scenes import sample_scene
from microscope.tiny.train import EvidenceTerm, Log, Plan, answer_loss, save


def weights(run: Path, step: int) -> dict[str, torch.Tensor]:
    return load_file(run / "checkpoints" / f"scenes-step-{step}" / "model.safetensors")


def batch_of_two(processor: Idefics3Processor) -> dict[str, torch.Tensor]:
    rng = np.random.default_rng(0)
    scenes = [sample_scene(rng, "train") for _ in range(2)]
    return Packer(processor.tokenizer).pack(
        scenes, [[ask(rng, scene.objects, kind) for kind in ("at", "describe")] for scene in scenes]
    )


def test_a_run_saves_the_planned_steps_and_no_other(micro_run: Path) -> None:
    names = sorted(path.name for path in (micro_run / "checkpoints").iterdir())
    assert names == ["scenes-step-1", "scenes-step-3"]


def test_two_runs_from_one_seed_give_identical_weights(
    micro_train: Callable[[Path], Path], micro_run: Path, tmp_path: Path
) -> None:
    again = micro_train(tmp_path)
    for step in (1, 3):
        one, other = weights(micro_run, step), weights(again, step)
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one)


def test_training_moves_the_weights(micro_run: Path) -> None:
    one, other = weights(micro_run, 1), weights(micro_run, 3)
    moved = [name for name in one if not torch.equal(one[name], other[name])]
    assert len(moved) > len(one) / 2
    assert any("vision_model" in name for name in moved)


def test_a_checkpoint_folder_loads_whole_and_answers(micro_run: Path) -> None:
    folder = micro_run / "checkpoints" / "scenes-step-3"
    processor = AutoProcessor.from_pretrained(folder, backend="pil", local_files_only=True)
    model = AutoModelForImageTextToText.from_pretrained(folder, local_files_only=True)
    assert type(model).__name__ == "Idefics3ForConditionalGeneration"
    assert type(processor.image_processor).__name__ == "Idefics3ImageProcessorPil"
    assert model.dtype == torch.bfloat16
    assert model.generation_config.eos_token_id == processor.tokenizer.convert_tokens_to_ids(END)
    messages = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Describe the image."}]}]
    text = processor.apply_chat_template(messages, add_generation_prompt=True)
    image = sample_scene(np.random.default_rng(0), "heldout").image
    inputs = processor(text=[text], images=[[image]], return_tensors="pt").to(model.dtype)
    generated = model.generate(**inputs, do_sample=False, max_new_tokens=4)
    assert generated.shape[1] > inputs["input_ids"].shape[1]


def test_saving_rounds_the_weights_to_bfloat16_and_leaves_the_model_alone(
    processor: Idefics3Processor, tmp_path: Path
) -> None:
    torch.manual_seed(1)
    model = build_model(processor.tokenizer)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    save(model, processor, tmp_path)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    for name, value in load_file(tmp_path / "model.safetensors").items():
        assert torch.equal(value, before[name].to(torch.bfloat16))


def test_the_log_holds_one_json_object_a_line(micro_run: Path) -> None:
    lines = [json.loads(line) for line in (micro_run / "log.jsonl").read_text().splitlines()]
    assert [(line["stage"], line["step"]) for line in lines] == [("vision", 2), ("language", 1), ("language", 3)]
    assert lines[0].keys() == {"stage", "step", "loss", "kind", "colour", "seconds"}
    assert lines[1].keys() == {"stage", "step", "loss", "evidence", "tokens", "seconds"}
    assert all(line["loss"] > 0 for line in lines)


def test_a_new_log_replaces_the_old_one(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "log.jsonl"
    Log(file).write(step=1)
    Log(file).write(step=2)
    (line,) = file.read_text().splitlines()
    assert json.loads(line)["step"] == 2


def test_the_shipped_plan_saves_five_checkpoints_or_more_and_the_last_step() -> None:
    plan = Plan()
    assert len(plan.save_at) >= 5
    assert list(plan.save_at) == sorted(set(plan.save_at))
    assert plan.save_at[-1] == plan.language_steps


def test_the_loss_weighs_every_answer_as_planned(processor: Idefics3Processor) -> None:
    torch.manual_seed(2)
    model, batch = build_model(processor.tokenizer).eval(), batch_of_two(processor)
    with torch.inference_mode():
        loss, right = answer_loss(model, batch)
        states = model.model(
            input_ids=batch["input_ids"],
            position_ids=batch["position_ids"],
            attention_mask=attention_mask(batch["segments"]),
            pixel_values=batch["pixel_values"],
        ).last_hidden_state
        losses = torch.nn.functional.cross_entropy(
            model.lm_head(states).transpose(1, 2), batch["labels"], reduction="none"
        )
    expected = (losses * batch["weights"]).sum() / batch["weights"].sum()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-4)
    assert len(right) == int((batch["weights"] > 0).sum())


def test_the_evidence_term_is_the_attention_that_misses_the_evidence(processor: Idefics3Processor) -> None:
    torch.manual_seed(3)
    model, batch = build_model(processor.tokenizer).eval(), batch_of_two(processor)
    term = EvidenceTerm(model, Plan())
    with torch.inference_mode():
        answer_loss(model, batch)
    everywhere, one = torch.zeros_like(batch["evidence"]), torch.zeros_like(batch["evidence"])
    everywhere[:, -1] = 1
    one[:, -1, 5] = 1
    assert 0 <= term.loss(everywhere).item() < term.loss(one).item()
    assert everywhere.shape[-1] == PATCHES


def test_removing_the_evidence_term_gives_the_layer_back(processor: Idefics3Processor) -> None:
    model, plan = build_model(processor.tokenizer), Plan()
    attention = model.model.text_model.layers[plan.evidence_layer].self_attn
    own = attention.config
    EvidenceTerm(model, plan).remove()
    assert attention.config is own
    assert not attention._forward_hooks
