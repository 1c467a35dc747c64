"""Adapters share one base: each answers exactly as plain PEFT code does, and the base as if there were none."""

from __future__ import annotations

import gc
import json
import shutil
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from peft import PeftConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import AutoModelForImageTextToText, PreTrainedModel

from microscope.engine.files import LocalCheckpoint
from microscope.engine.loading import adapters as adapters_module
from microscope.engine.loading.adapters import Adapters
from microscope.engine.prompts import prepare
from microscope.errors import UserError
from tests.engine.conftest import Loaded
from tests.families import FAMILIES, local_of, picture, spec_of

# What PEFT says on the way.
pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
    pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning"),
]

WEIGHTS, SETTINGS = "adapter_model.safetensors", "adapter_config.json"
QV = ["q_proj", "v_proj"]
VLM = "idefics3"
# Many enough to stand in the question.
TOKENS = list(range(3, 300))


def lora(**options: Any) -> PeftConfig:
    return peft.LoraConfig(**{"r": 4, "target_modules": QV, **options})


# Each with the kind of adapter that it is the example of.
CONFIGS: dict[str, Callable[[], PeftConfig]] = {
    "plain": lora,
    "rank and alpha patterns": lambda: lora(rank_pattern={"q_proj": 2}, alpha_pattern={"v_proj": 16}),
    "rsLoRA": lambda: lora(use_rslora=True, lora_alpha=32),
    "DoRA": lambda: lora(use_dora=True),
    "all linear layers": lambda: lora(target_modules="all-linear"),
    "a pattern": lambda: lora(target_modules=r".*text_model.*\.(q_proj|down_proj)"),
    "some layers": lambda: lora(layers_to_transform=[1]),
    "dropout": lambda: lora(lora_dropout=0.5),
    "bias of its layers": lambda: lora(bias="lora_only", target_modules=["out_proj", "q_proj"]),
    "all biases": lambda: lora(bias="all"),
    "a bias of LoRA": lambda: lora(lora_bias=True, target_modules=["out_proj"]),
    "a trained head": lambda: lora(modules_to_save=["lm_head"]),
    "a trained head and embeddings": lambda: lora(modules_to_save=["lm_head", "embed_tokens"]),
    "a trained norm": lambda: lora(modules_to_save=["input_layernorm"]),
    "embeddings as a target": lambda: lora(target_modules=[*QV, "embed_tokens", "lm_head"]),
    "trained tokens": lambda: lora(trainable_token_indices=TOKENS),
    "a parameter as a target": lambda: lora(target_parameters=["lm_head.weight"]),
    "orthogonal": lambda: lora(init_lora_weights="orthogonal"),
    "AdaLoRA": lambda: peft.AdaLoraConfig(target_modules=QV, total_step=10, init_r=4, target_r=2),
    "BOFT": lambda: peft.BOFTConfig(target_modules=QV, boft_block_size=4),
    "C3A": lambda: peft.C3AConfig(target_modules=["gate_proj"], block_size=32),
    "FourierFT": lambda: peft.FourierFTConfig(target_modules=QV, n_frequency=50),
    "HRA": lambda: peft.HRAConfig(target_modules=QV, r=4),
    "IA3": lambda: peft.IA3Config(target_modules=["k_proj", "down_proj"], feedforward_modules=["down_proj"]),
    "layer norms": lambda: peft.LNTuningConfig(target_modules=["input_layernorm", "norm"]),
    "LoHa": lambda: peft.LoHaConfig(target_modules=QV, r=4),
    "LoKr": lambda: peft.LoKrConfig(target_modules=QV, r=4),
    "MiSS": lambda: peft.MissConfig(target_modules=QV, r=4),
    "OFT": lambda: peft.OFTConfig(target_modules=QV, oft_block_size=4),
    "RandLora": lambda: peft.RandLoraConfig(target_modules=QV, r=4),
    "tokens alone": lambda: peft.TrainableTokensConfig(token_indices=TOKENS, target_modules=["embed_tokens"]),
    "VB-LoRA": lambda: peft.VBLoRAConfig(target_modules=["gate_proj"], num_vectors=8, vector_length=32, topk=2),
    "VeRA": lambda: peft.VeraConfig(target_modules=["q_proj"], r=4, save_projection=True),
}


@pytest.fixture(scope="session")
def adapter(checkpoint: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return what writes an adapter with weights that change the answers, and returns its folder."""
    root = tmp_path_factory.mktemp("adapters")

    def write(config: PeftConfig, family: str = VLM, seed: int = 7, **saved: Any) -> Path:
        model = AutoModelForImageTextToText.from_pretrained(checkpoint(family), dtype=torch.float32)
        torch.manual_seed(seed)
        adapted = get_peft_model(model, config)
        for parameter in adapted.parameters():
            if parameter.requires_grad:
                parameter.data.add_(torch.randn_like(parameter) * 0.2)
        folder = root / str(len(list(root.iterdir())))
        adapted.save_pretrained(folder, **saved)
        return folder

    return write


@pytest.fixture
def base(fresh: Callable[..., PreTrainedModel]) -> PreTrainedModel:
    return fresh(VLM).requires_grad_(False)


@pytest.fixture
def local(checkpoint: Callable[..., Path]) -> Callable[..., LocalCheckpoint]:
    """Return what makes an adapter's folder an entry on a family's checkpoint."""

    def make(folder: Path | None, family: str = VLM) -> LocalCheckpoint:
        place = checkpoint(family)
        return local_of(place) if folder is None else local_of(folder, base=str(place))

    return make


@pytest.fixture
def question(loaded: Callable[..., Loaded]) -> Callable[..., dict[str, torch.Tensor]]:
    """Return what makes a picture and a question the inputs of a family's model."""

    def make(family: str = VLM) -> dict[str, torch.Tensor]:
        one = loaded(family)
        return prepare(one.processor, spec_of(one.folder), picture(), "Where is the cat?", None).inputs

    return make


def plain(checkpoint: Path, folder: Path, dtype: torch.dtype = torch.float32) -> PeftModel:
    """Load base and adapter by plain code."""
    model = AutoModelForImageTextToText.from_pretrained(checkpoint, dtype=dtype)
    return PeftModel.from_pretrained(model, folder).eval()


def weights(model: nn.Module) -> dict[str, torch.Tensor]:
    return {**dict(model.named_parameters(remove_duplicate=False)), **dict(model.named_buffers())}


def same(first: nn.Module, second: nn.Module) -> bool:
    """Tell whether two models have the same weights and buffers to the bit."""
    ours, theirs = weights(first), weights(second)
    return ours.keys() == theirs.keys() and all(
        tensor.dtype == theirs[name].dtype and torch.equal(tensor, theirs[name]) for name, tensor in ours.items()
    )


@torch.inference_mode()
def said(model: Any, asked: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the logits and the greedy tokens."""
    asked = {name: value.to(model.dtype) if value.is_floating_point() else value for name, value in asked.items()}
    tokens = model.generate(**asked, do_sample=False, max_new_tokens=6, eos_token_id=-1)
    return model(**asked).logits, tokens


def agree(first: tuple[torch.Tensor, ...], second: tuple[torch.Tensor, ...]) -> bool:
    return all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


def everything(model: nn.Module) -> dict[str, dict[str, Any]]:
    """Return what every module is and has, without the tensors' contents."""
    return {name: {"type": type(module), **vars(module)} for name, module in model.named_modules()}


def edit(folder: Path, **changes: object) -> None:
    file = folder / SETTINGS
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def rewrite(folder: Path, change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> None:
    tensors = {name: tensor.clone() for name, tensor in load_file(folder / WEIGHTS).items()}
    save_file(change(tensors), folder / WEIGHTS, {"format": "pt"})


@pytest.mark.parametrize("family", FAMILIES)
def test_an_adapter_on_every_family_answers_as_plain_code_does(
    family: str, checkpoint: Any, adapter: Any, local: Any, loaded: Any, question: Any
) -> None:
    folder, asked = adapter(lora(), family), question(family)
    model = AutoModelForImageTextToText.from_pretrained(checkpoint(family), dtype=torch.float32).eval()
    adapters = Adapters(model)
    adapters.activate(local(folder, family))
    reference = plain(checkpoint(family), folder)
    assert same(model, reference.get_base_model())
    assert agree(said(model, asked), said(reference, asked))
    assert not agree(said(model, asked), said(loaded(family).model, asked))
    adapters.activate(local(None, family))
    assert same(model, loaded(family).model)
    assert agree(said(model, asked), said(loaded(family).model, asked))
    assert model.config.to_dict() == loaded(family).model.config.to_dict()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("kind", CONFIGS)
def test_an_adapter_of_every_kind_answers_as_plain_code_does_and_leaves_the_base_alone(
    kind: str, dtype: torch.dtype, checkpoint: Any, adapter: Any, local: Any, question: Any
) -> None:
    folder, asked = adapter(CONFIGS[kind]()), question()
    model = AutoModelForImageTextToText.from_pretrained(checkpoint(VLM), dtype=dtype).eval().requires_grad_(False)
    alone, before = said(model, asked), everything(model)
    adapters = Adapters(model)
    adapters.activate(local(folder))
    reference = plain(checkpoint(VLM), folder, dtype)
    assert same(model, reference.get_base_model())
    answer = said(model, asked)
    assert agree(answer, said(reference, asked))
    assert not torch.equal(answer[0], alone[0])
    assert not any(tensor.requires_grad for tensor in weights(model).values())
    assert not any(module.training for module in model.modules())
    adapters.activate(local(None))
    assert everything(model) == before
    assert agree(said(model, asked), alone)


def test_switching_keeps_every_adapter_and_the_base_as_they_were(
    checkpoint: Any, adapter: Any, local: Any, question: Any, base: PreTrainedModel
) -> None:
    kinds = ("plain", "all linear layers", "a trained head", "bias of its layers", "DoRA", "layer norms")
    folders = [None, *(adapter(CONFIGS[kind](), seed=number) for number, kind in enumerate(kinds))]
    asked, alone = question(), said(base, question())
    expected = [alone if folder is None else said(plain(checkpoint(VLM), folder), asked) for folder in folders]
    adapters = Adapters(base)
    for number in (1, 2, 1, 0, 1, 3, 4, 5, 6, 0, 3, 6, 5, 4, 2, 1, 1, 0, 0):
        adapters.activate(local(folders[number]))
        assert agree(said(base, asked), expected[number]), number


def test_no_weight_of_the_base_is_copied_for_lora(adapter: Any, local: Any, base: PreTrainedModel) -> None:
    own = {parameter.data_ptr() for parameter in base.parameters()}
    adapters = Adapters(base)
    folder = adapter(CONFIGS["bias of its layers"]())
    plain_folder = adapter(lora())
    adapters.activate(local(plain_folder))
    size = sum(tensor.nbytes for tensor in load_file(plain_folder / WEIGHTS).values())
    assert adapters.bytes == size
    assert own <= {parameter.data_ptr() for parameter in base.parameters()}
    adapters.activate(local(folder))
    assert size < adapters.bytes < 4 * size
    adapters.activate(local(None))
    assert {parameter.data_ptr() for parameter in base.parameters()} == own


def test_a_head_and_embeddings_that_are_saved_as_wholes_are_the_adapters_own(
    checkpoint: Any, adapter: Any, local: Any, question: Any, base: PreTrainedModel
) -> None:
    folder, asked, alone = adapter(lora(), save_embedding_layers=True), question(), said(base, question())
    rewrite(
        folder, lambda tensors: {name: tensor if "lora" in name else tensor * 2 for name, tensor in tensors.items()}
    )
    assert any("embed_tokens" in name for name in load_file(folder / WEIGHTS))
    adapters = Adapters(base)
    adapters.activate(local(folder))
    assert agree(said(base, asked), said(plain(checkpoint(VLM), folder), asked))
    adapters.activate(local(None))
    assert agree(said(base, asked), alone)


def test_tied_weights_stay_tied_beside_a_whole_embedding(checkpoint: Any, tmp_path: Path, adapter: Any) -> None:
    model = AutoModelForImageTextToText.from_pretrained(checkpoint(VLM), dtype=torch.float32).eval()
    model.lm_head.weight = model.get_input_embeddings().weight
    folder = adapter(lora(), save_embedding_layers=True)
    adapters = Adapters(model)
    adapters.activate(local_of(folder, base=str(checkpoint(VLM))))
    assert model.lm_head.weight is model.get_input_embeddings().weight
    adapters.activate_base()
    assert model.lm_head.weight is model.get_input_embeddings().weight


def test_the_least_recently_used_is_forgotten_and_its_memory_is_free_at_once(
    adapter: Any, local: Any, base: PreTrainedModel, question: Any
) -> None:
    kinds = ("DoRA", "a trained head", "trained tokens", "bias of its layers", "VeRA", "AdaLoRA", "OFT", "VB-LoRA")
    locals_ = [local(adapter(CONFIGS[kind](), seed=number)) for number, kind in enumerate(kinds)]
    asked, adapters, held = question(), Adapters(base, most=1), None
    own = {id(tensor) for tensor in weights(base).values()}
    gc.collect()
    gc.disable()
    try:
        for one in locals_:
            adapters.activate(one)
            said(base, asked)
            if held is not None:
                assert held, "nothing was attached"
                assert [reference() for reference in held if reference() is not None] == []
            held = [weakref.ref(tensor) for tensor in weights(base).values() if id(tensor) not in own]
    finally:
        gc.enable()


def test_at_most_as_many_as_asked_are_attached(
    adapter: Any, local: Any, base: PreTrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    attached: list[Path] = []
    real = PeftModel.from_pretrained

    def watched(model: PreTrainedModel, folder: Path, **options: Any) -> PeftModel:
        attached.append(folder)
        return real(model, folder, **options)

    monkeypatch.setattr(PeftModel, "from_pretrained", watched)
    first, second, third = (adapter(lora(), seed=seed) for seed in (1, 2, 3))
    adapters = Adapters(base, most=2)
    for folder in (first, second, first, third, first, second):
        adapters.activate(local(folder))
    assert attached == [first, second, third, second]
    assert adapters.bytes == 2 * sum(tensor.nbytes for tensor in load_file(first / WEIGHTS).values())


REFUSED = {
    "layer_replication": lambda: lora(layer_replication=[(0, 2), (1, 3)], target_modules=r".*layers.*q_proj"),
    "alora_invocation_tokens": lambda: lora(alora_invocation_tokens=[3, 4]),
    "pissa": lambda: lora(init_lora_weights="pissa"),
    "SHIRA": lambda: peft.ShiraConfig(target_modules=QV, r=2),
    "POLY": lambda: peft.PolyConfig(target_modules=QV, r=2),
    "PROMPT_TUNING": lambda: peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4),
    "PREFIX_TUNING": lambda: peft.PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4),
    "XLORA": lambda: peft.XLoraConfig(hidden_size=64, adapters={}),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_share_a_base_is_refused_and_nothing_stays(
    kind: str, adapter: Any, local: Any, base: PreTrainedModel, question: Any
) -> None:
    folder = adapter(lora())
    REFUSED[kind]().save_pretrained(folder)
    check_refusal(folder, f"The adapter .*{kind}", base, local, adapter, question())


def test_what_changes_the_base_all_the_same_is_refused_and_undone(
    adapter: Any, local: Any, base: PreTrainedModel, question: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = adapter(lora())
    edit(folder, init_lora_weights="pissa")
    monkeypatch.setattr(adapters_module, "REBASING", ())
    places = {parameter.data_ptr() for parameter in base.parameters()}
    check_refusal(folder, "changes its base model; merge it into its base", base, local, adapter, question())
    assert places <= {parameter.data_ptr() for parameter in base.parameters()}


def check_refusal(
    folder: Path, sentence: str, base: PreTrainedModel, local: Any, adapter: Any, asked: dict[str, torch.Tensor]
) -> None:
    """Check that an adapter is refused, and that base and other adapters answer as before."""
    other, alone, before = local(adapter(lora(), seed=1)), said(base, asked), everything(base)
    adapters = Adapters(base)
    adapters.activate(other)
    answer, size = said(base, asked), adapters.bytes
    with pytest.raises(UserError, match=sentence):
        adapters.activate(local(folder))
    assert everything(base) == before
    assert agree(said(base, asked), alone)
    assert adapters.bytes == size
    adapters.activate(other)
    assert agree(said(base, asked), answer)


BROKEN: dict[str, Callable[[Path], object]] = {
    "a weight is missing": lambda folder: rewrite(folder, lambda t: {n: v for n, v in t.items() if n != min(t)}),
    "a layer has no place": lambda folder: rewrite(
        folder, lambda t: {**t, min(t).replace(".0.", ".9.", 1): t[min(t)].clone()}
    ),
    "a weight of the base": lambda folder: rewrite(
        folder,
        lambda t: {**t, "base_model.model.model.connector.modality_projection.proj.weight": torch.zeros(64, 128)},
    ),
    "a whole without a place": lambda folder: rewrite(
        folder, lambda t: {**t, "base_model.model.embed_elsewhere.weight": torch.zeros(2)}
    ),
    "another shape": lambda folder: rewrite(folder, lambda t: {**t, min(t): t[min(t)][:, :5].contiguous()}),
    "no such type": lambda folder: (folder / SETTINGS).write_text('{"peft_type": "NONESUCH"}'),
    "no JSON": lambda folder: (folder / SETTINGS).write_text("{"),
    "no object": lambda folder: (folder / SETTINGS).write_text("[1]"),
    "other layers": lambda folder: edit(folder, target_modules=["nonesuch"]),
    "more layers": lambda folder: edit(folder, target_modules=[*QV, "k_proj"]),
    "fewer layers": lambda folder: edit(folder, target_modules=["q_proj"]),
    "another rank": lambda folder: edit(folder, r=8),
    "a head that it did not bring": lambda folder: edit(folder, modules_to_save=["lm_head"]),
    "no rank": lambda folder: edit(folder, r="four"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_an_adapter_that_does_not_fit_is_refused_and_nothing_stays(
    kind: str, adapter: Any, local: Any, base: PreTrainedModel, question: Any
) -> None:
    folder = adapter(lora())
    BROKEN[kind](folder)
    sentence = "The adapter .* does not fit its base model .*idefics3-0; name the base it was trained on."
    check_refusal(folder, sentence, base, local, adapter, question())


@pytest.mark.parametrize("family", ["qwen2_5_vl", "llava", "gemma3"])
def test_an_adapter_of_another_base_is_refused(family: str, adapter: Any, local: Any, fresh: Any) -> None:
    with pytest.raises(UserError, match=r"does not fit its base model .*; name the base it was trained on"):
        Adapters(fresh(family)).activate(local(adapter(lora()), family))


def test_a_file_that_is_damaged_after_it_was_checked_is_told(adapter: Any, local: Any, base: PreTrainedModel) -> None:
    folder = adapter(lora())
    found = local(folder)
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:100])
    with pytest.raises(UserError, match="has a damaged weight file; copy or download it again"):
        Adapters(base).activate(found)


def test_pickles_are_never_read(adapter: Any, local: Any) -> None:
    folder = adapter(lora())
    shutil.move(folder / WEIGHTS, folder / "adapter_model.bin")
    with pytest.raises(UserError):
        local(folder)
