"""Measures what the lens costs: attention kept while a model answers, and the relevancy of four tokens.

`answering`: the app's own stream of tokens, with and without the probe that keeps attention rows (switching to it and
the rows themselves included), and the library's `generate` with eager attention and `output_attentions`. All give the
same tokens. `relevancy`: ours, against eager attention whose matrices keep their gradients, and Chefer's product
R = (I + A_n) ... (I + A_1) written out. Both give the same numbers.

Ways go in turn, each round in the opposite order, so that drift of the machine cancels; ratios of medians with a
bootstrap interval. Times are of the processor, by one thread: what else runs on the machine does not count. Memory is
the most that tensors took at once beyond the weights, by torch's own allocator.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from time import process_time
from typing import Any

import torch
import transformers
from lens_items import Bench, questions
from lens_report import MB, machine, peak_memory
from report import Ratio, compare, shown

from microscope.engine.generate import Finished, Piece, stream
from microscope.lens.probe import Probe
from microscope.lens.relevancy import frozen, relevancy
from microscope.lens.rows import RowKeeper
from microscope.lens.subject import Subject
from microscope.records import GenerationSettings

LAST = Path(__file__).resolve().parents[1] / "assets" / "checkpoints" / "scenes-step-6000"
WORDS, IMAGE, PAD, PATCH = 97, 1, 0, 16
EXPLAINED = 4
PROBE_AIM, TIME_AIM, MEMORY_AIM = 1.05, 0.6, 0.35
AGREE = 1e-4
# An answer of the small checkpoint is short, so it is asked more often.
SHORT = 10


@dataclass(frozen=True)
class Shape:
    """A model of random weights: pixels a side, of patches of 16, one image token each, and the language model."""

    side: int = 512
    layers: int = 12
    heads: int = 8
    hidden: int = 256
    text: int = 31


@dataclass(frozen=True)
class Case:
    """A model, a prompt's inputs, and where its image tokens are."""

    name: str
    model: transformers.PreTrainedModel
    inputs: dict[str, torch.Tensor]
    positions: torch.Tensor
    settings: GenerationSettings

    @property
    def length(self) -> int:
        """Return how many positions the prompt has."""
        return self.inputs["input_ids"].shape[1]

    def plain(self) -> list[int]:
        """Answer as the app does where nobody looks inside."""
        return ids_of(stream(self.model, self.inputs, self.settings))

    def probed(self) -> list[int]:
        """Answer with attention rows kept, and make the rows."""
        keeper = RowKeeper(self.positions)
        with Probe(self.model, keeper).attached() as probe:
            ids = ids_of(probe.iterate(stream(self.model, self.inputs, self.settings)))
        keeper.rows()
        return ids

    def eager(self) -> list[int]:
        """Answer as anyone does who wants attention from the library."""
        with eager(self.model):
            found = self.model.generate(
                **self.inputs,
                max_new_tokens=self.settings.max_new_tokens,
                do_sample=False,
                suppress_tokens=[self.model.config.image_token_id],
                output_attentions=True,
                return_dict_in_generate=True,
            )
        ids = found.sequences[0, self.length :].tolist()
        return ids[:-1] if ids[-1] == self.model.generation_config.eos_token_id else ids


@contextmanager
def eager(model: transformers.PreTrainedModel) -> Iterator[None]:
    """Have the text part compute its attention the library's eager way while it lasts."""
    was = model.config.text_config._attn_implementation  # noqa: SLF001 (no public way tells)
    model.set_attn_implementation({"text_config": "eager"})
    try:
        yield
    finally:
        model.set_attn_implementation({"text_config": was})


def ids_of(updates: Iterator[Piece | Finished]) -> list[int]:
    """Return the tokens of a stream."""
    return [one for update in updates if isinstance(update, Piece) for one in update.ids]


def embedded_case(new_tokens: int) -> Case:
    """Return the last embedded checkpoint with a question that it answers at length."""
    bench = Bench(LAST)
    answered = next(bench.right((one for one in questions(0) if one.text.startswith("describe")), 1))
    model, subject = bench.model, answered.subject
    return Case("embedded", model, subject.inputs, subject.positions, GenerationSettings(max_new_tokens=new_tokens))


def random_case(shape: Shape, new_tokens: int) -> Case:
    """Return a model of random weights with a prompt of noise: about as many image tokens as real models have.

    It has no token that ends an answer, so each answer has as many tokens as it may.
    """
    torch.manual_seed(0)
    text = {
        "model_type": "llama",
        "hidden_size": shape.hidden,
        "intermediate_size": 3 * shape.hidden,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.heads,
        "vocab_size": WORDS,
        "pad_token_id": PAD,
    }
    vision = {
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": shape.side,
        "patch_size": PATCH,
    }
    config = transformers.Idefics3Config(
        vision_config=vision, text_config=text, scale_factor=1, image_token_id=IMAGE, pad_token_id=PAD
    )
    model = transformers.Idefics3ForConditionalGeneration(config).eval()
    model.generation_config.update(eos_token_id=None, pad_token_id=PAD)
    seen = (shape.side // PATCH) ** 2
    words = torch.randint(IMAGE + 1, WORDS, (shape.text,))
    before = shape.text // 2
    ids = torch.cat([words[:before], torch.full((seen,), IMAGE), words[before:]])[None]
    inputs = {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "pixel_values": torch.randn(1, 1, 3, shape.side, shape.side),
        "pixel_attention_mask": torch.ones(1, 1, shape.side, shape.side, dtype=torch.long),
    }
    positions = torch.arange(before, before + seen)
    return Case(f"S={ids.shape[1]}", model, inputs, positions, GenerationSettings(max_new_tokens=new_tokens))


def written_out(subject: Subject, tokens: Sequence[int]) -> torch.Tensor:
    """Return Chefer's relevancy of the image tokens for answer tokens as its paper has it, shape (tokens, cells)."""
    model, length, found = subject.model, subject.full["input_ids"].shape[1], []
    hook = model.get_input_embeddings().register_forward_hook(lambda _module, _inputs, out: out.requires_grad_())
    try:
        with eager(model), frozen(model), torch.enable_grad():
            kept = len(subject.answer) + 1
            out = model(**subject.full, use_cache=False, output_attentions=True, logits_to_keep=kept)
            for matrix in out.attentions:
                matrix.retain_grad()
            for token in tokens:
                out.logits[0, token, subject.answer[token]].backward(retain_graph=token != tokens[-1])
                whole = torch.eye(length)
                with torch.no_grad():
                    for matrix in out.attentions:
                        whole += (matrix.grad * matrix).clamp(min=0)[0].mean(0) @ whole
                        matrix.grad = None
                found.append(whole[subject.target_rows[token], subject.positions])
    finally:
        hook.remove()
    return torch.stack(found)


def in_turn(ways: Mapping[str, Callable[[], object]], rounds: int, warm_up: int = 1) -> dict[str, list[float]]:
    """Return the seconds of each way, round by round, every other round backwards."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + warm_up):
        for name in list(ways) if number % 2 else list(ways)[::-1]:
            start = process_time()
            ways[name]()
            if number >= warm_up:
                seconds[name].append(process_time() - start)
    return seconds


def answering(case: Case, rounds: int) -> dict[str, Any]:
    """Measure an answer with and without attention rows."""
    ways = {"plain": case.plain, "probe": case.probed, "eager": case.eager}
    answers = {name: way() for name, way in ways.items()}
    if len(set(map(tuple, answers.values()))) != 1:
        raise RuntimeError(f"the answers differ: {answers}")
    seconds = in_turn(ways, rounds)
    return {
        "case": case.name,
        "prompt": case.length,
        "tokens": len(answers["plain"]),
        "memory": {name: peak_memory(way) for name, way in ways.items()},
        "ratios": {name: asdict(compare(seconds["plain"], seconds[name])) for name in ("probe", "eager")},
    }


def relevancies(case: Case, rounds: int) -> dict[str, Any]:
    """Measure the relevancy of some tokens, ours against the product written out."""
    subject = Subject(case.model, case.inputs, tuple(case.plain()), case.positions)
    tokens = list(range(min(EXPLAINED, len(subject.answer))))
    eagerly, ours = partial(written_out, subject, tokens), partial(relevancy, subject, tokens)
    reference, found = eagerly(), ours().carried
    apart = float((reference - found).abs().max() / reference.abs().max())
    if not apart < AGREE:
        raise RuntimeError(f"the two relevancies differ by {apart:.2g} of the largest")
    ways: dict[str, Callable[[], object]] = {"eager": eagerly, "ours": ours}
    seconds = in_turn(ways, rounds)
    memory = {name: peak_memory(way) for name, way in ways.items()}
    return {
        "case": case.name,
        "tokens": len(tokens),
        "apart": apart,
        "memory": {**memory, "ratio": memory["ours"] / memory["eager"]},
        "ratio": asdict(compare(seconds["eager"], seconds["ours"])),
    }


def answering_line(found: dict[str, Any]) -> str:
    """Return what an answer costs with attention rows, for people."""
    memory = found["memory"]
    lines = [f"{found['case']}, prompt of {found['prompt']}, {found['tokens']} tokens answered"]
    for name, ratio in ((name, Ratio(**one)) for name, one in found["ratios"].items()):
        aim = f" (aim: at most {PROBE_AIM})" if name == "probe" else ""
        times = f"{1e3 * ratio.seconds:.1f} ms, plain {1e3 * ratio.bare_seconds:.1f} ms: {shown(ratio)}{aim}"
        lines.append(f"  {name:<5} {times}; memory {memory[name] / MB:.1f} MB, plain {memory['plain'] / MB:.1f} MB")
    return "\n".join(lines)


def relevancy_line(found: dict[str, Any]) -> str:
    """Return what relevancy costs, for people."""
    ratio, memory = Ratio(**found["ratio"]), found["memory"]
    return (
        f"relevancy of {found['tokens']} tokens, {found['case']}: {ratio.seconds:.2f} s, written out "
        f"{ratio.bare_seconds:.2f} s: {shown(ratio)} (aim: at most {TIME_AIM})\n"
        f"  memory {memory['ours'] / MB:.0f} MB, written out {memory['eager'] / MB:.0f} MB: {memory['ratio']:.3f} "
        f"(aim: at most {MEMORY_AIM}); apart by {found['apart']:.1g} of the largest (at most {AGREE:g})"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line, measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="rounds of answering (%(default)s)")
    parser.add_argument("--relevancy-rounds", type=int, default=5, help="rounds of relevancy (%(default)s)")
    parser.add_argument("--new-tokens", type=int, default=32, help="most tokens of an answer (%(default)s)")
    parser.add_argument("--side", type=int, default=Shape.side, help="pixels a side, random weights (%(default)s)")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(arguments)
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    rounds = f"{given.rounds} rounds of answering, {SHORT * given.rounds} where embedded"
    print(f"{rounds}, {given.relevancy_rounds} of relevancy; {machine()}", flush=True)
    drawn = random_case(Shape(side=given.side), given.new_tokens)
    answers = []
    for case, times in ((embedded_case(given.new_tokens), SHORT), (drawn, 1)):
        answers.append(answering(case, times * given.rounds))
        print(answering_line(answers[-1]), flush=True)
    found = relevancies(drawn, given.relevancy_rounds)
    print(relevancy_line(found))
    if given.json:
        given.json.write_text(json.dumps({"machine": machine(), "answering": answers, "relevancy": found}, indent=2))


if __name__ == "__main__":
    main()
