"""The model and its processor: small enough to ship, and training rows are token for token what inference feeds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import Idefics3Processor

from microscope.tiny.draw import DrawnItem, draw_items
from microscope.tiny.model import END, PATCHES, build_model
from microscope.tiny.packing import Packer, pixels
from microscope.tiny.train import save


@pytest.fixture(scope="module")
def items() -> list[DrawnItem]:
    return list(draw_items("heldout", 48, 0))


def prompt(processor: Idefics3Processor, text: str) -> str:
    message = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": text}]}
    return processor.apply_chat_template([message], add_generation_prompt=True)


def test_the_model_has_about_1_4_million_parameters(processor: Idefics3Processor) -> None:
    count = sum(parameter.numel() for parameter in build_model(processor.tokenizer).parameters())
    assert 1_200_000 < count < 1_500_000


def test_a_checkpoint_is_at_most_three_megabytes(processor: Idefics3Processor, tmp_path: Path) -> None:
    save(build_model(processor.tokenizer), processor, tmp_path)
    assert sum(file.stat().st_size for file in tmp_path.glob("*.safetensors")) <= 3_000_000


def test_every_word_of_questions_and_answers_survives_the_tokenizer(
    processor: Idefics3Processor, items: list[DrawnItem]
) -> None:
    tokenizer = processor.tokenizer
    for item in items:
        for text in (item.question.text, item.question.answer):
            ids = tokenizer(text)["input_ids"]
            assert tokenizer.unk_token_id not in ids, text
            assert tokenizer.decode(ids).replace(" ", "") == text.replace(" ", "")
            assert tokenizer(text.upper())["input_ids"] == ids


def test_an_answer_decodes_to_its_own_spelling(processor: Idefics3Processor, items: list[DrawnItem]) -> None:
    tokenizer = processor.tokenizer
    for item in items:
        assert tokenizer.decode(tokenizer(item.question.answer)["input_ids"]) == item.question.answer


def test_unknown_words_become_the_unknown_token(processor: Idefics3Processor) -> None:
    tokenizer = processor.tokenizer
    assert tokenizer("how zygomorphic?")["input_ids"].count(tokenizer.unk_token_id) == 1


def test_the_packer_and_the_tokenizer_agree_on_words(processor: Idefics3Processor, items: list[DrawnItem]) -> None:
    packer = Packer(processor.tokenizer)
    for item in items:
        for text in (item.question.text, item.question.answer):
            assert packer.words(text) == processor.tokenizer(text)["input_ids"]


def test_training_rows_are_inference_inputs_token_for_token(
    processor: Idefics3Processor, items: list[DrawnItem]
) -> None:
    packer = Packer(processor.tokenizer)
    for item in items:
        text = prompt(processor, item.question.text)
        fed = processor(text=[text], images=[[item.scene.image]], return_tensors="pt")["input_ids"][0].tolist()
        batch = packer.pack([item.scene], [[item.question]])
        answer = processor.tokenizer(item.question.answer + END)["input_ids"]
        assert batch["input_ids"][0].tolist() == fed + answer
        assert batch["position_ids"][0].tolist() == list(range(len(fed) + len(answer)))


def test_a_later_question_in_a_pack_sees_the_positions_of_inference(
    processor: Idefics3Processor, items: list[DrawnItem]
) -> None:
    questions = [item.question for item in items[:3]]
    row = Packer(processor.tokenizer).pack([items[0].scene], [questions])
    for number, question in enumerate(questions):
        own = (row["segments"][0] == 1) | (row["segments"][0] == number + 2)
        fed = processor(text=[prompt(processor, question.text)], images=[[items[0].scene.image]], return_tensors="pt")[
            "input_ids"
        ][0].tolist()
        assert row["input_ids"][0][own].tolist()[: len(fed)] == fed
        assert row["position_ids"][0][own].tolist() == list(range(int(own.sum())))


def test_training_pixels_are_the_processor_s(processor: Idefics3Processor, items: list[DrawnItem]) -> None:
    for item in items[:16]:
        fed = processor(
            text=[prompt(processor, "count the objects.")], images=[[item.scene.image]], return_tensors="pt"
        )
        assert fed["pixel_values"].shape == (1, 1, 3, 64, 64)
        assert bool(fed["pixel_attention_mask"].all())
        difference = np.abs(fed["pixel_values"][0, 0].numpy() - pixels(item.scene.image)).max()
        assert difference <= 1 / 255


def test_batches_are_padded_on_the_left(processor: Idefics3Processor, items: list[DrawnItem]) -> None:
    texts = [
        prompt(processor, text)
        for text in ("count the objects.", "which is further left, the red two or the blue six?")
    ]
    fed = processor(text=texts, images=[[items[0].scene.image]] * 2, padding=True, return_tensors="pt")
    assert fed["attention_mask"][0, 0] == 0
    assert bool(fed["attention_mask"][:, -1].all())
    assert bool(((fed["input_ids"] == processor.image_token_id).sum(-1) == PATCHES).all())


def test_the_same_image_gives_the_same_view_alone_and_in_company(
    processor: Idefics3Processor, items: list[DrawnItem]
) -> None:
    texts = [prompt(processor, item.question.text) for item in items[:4]]
    images = [[item.scene.image] for item in items[:4]]
    together = processor(text=texts, images=images, padding=True, return_tensors="pt")["pixel_values"]
    alone = [
        processor(text=[t], images=[i], return_tensors="pt")["pixel_values"]
        for t, i in zip(texts, images, strict=True)
    ]
    assert torch.equal(together, torch.cat(alone))
