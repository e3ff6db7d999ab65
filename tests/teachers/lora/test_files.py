"""An adapter is saved as peft saves one, and nothing else is read for one."""

import copy
import json
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from kedro.io import DatasetError
from safetensors.torch import load, save
from torch import Tensor, nn

from gsam_edge.datasets.models import AdapterDataset
from gsam_edge.teachers.errors import AdapterError
from gsam_edge.teachers.grounding_dino.tiny import build_tiny_grounding_dino
from gsam_edge.teachers.lora.adapter import Adapter, AdapterConfig, apply_adapter, extract_adapter
from gsam_edge.teachers.lora.config import LoraConfig
from gsam_edge.teachers.lora.files import CONFIG_FILE, MOST_BYTES, WEIGHTS_FILE, adapter_files, read_adapter
from gsam_edge.teachers.lora.layers import adapter_parameters, add_lora, weights_digest
from support.safetensors_files import of_a_type_that_pytorch_lacks, with_a_flipped_bit
from support.tiny import TINY_GROUNDING_DINO, original_grounding_dino
from support.tuning import tuning_config

LORA = LoraConfig(r=2, alpha=4, dropout=0.1, targets="^(0|2)$", frozen=(), max_share=0.9)


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4)).eval()


def tuned(base: nn.Module, lora: LoraConfig = LORA) -> Adapter:
    """An adapter whose every matrix is random."""
    config = AdapterConfig(
        kind="sam", class_names=("ring", "ear of bag"), base_name="b", base_digest=weights_digest(base), lora=lora
    )
    model = add_lora(copy.deepcopy(base), lora, seed=0)
    torch.manual_seed(1)
    with torch.no_grad():
        for value in adapter_parameters(model).values():
            value.normal_(std=0.1)
    return extract_adapter(model, config)


def changed(change: Callable[[dict[str, Any], dict[str, Tensor]], object]) -> dict[str, bytes]:
    """The files of an adapter after a change of its settings or its tensors."""
    files = adapter_files(tuned(network()))
    settings, tensors = json.loads(files[CONFIG_FILE]), load(files[WEIGHTS_FILE])
    change(settings, tensors)
    return {CONFIG_FILE: json.dumps(settings).encode(), WEIGHTS_FILE: save(tensors)}


def test_an_adapter_is_two_files_with_the_name_and_the_fingerprint_of_its_base(tmp_path: Path) -> None:
    base = network()
    adapter, dataset = tuned(base), AdapterDataset(filepath=str(tmp_path / "sam_adapter"))
    dataset.save(adapter)
    assert {path.name for path in (tmp_path / "sam_adapter").iterdir()} == {CONFIG_FILE, WEIGHTS_FILE}
    settings = json.loads((tmp_path / "sam_adapter" / CONFIG_FILE).read_text())
    assert settings["base_model_name_or_path"] == "b"
    assert settings["gsam_edge"]["config"]["base_digest"] == weights_digest(base)
    again = dataset.load()
    assert again.config == adapter.config
    assert again.digest == adapter.digest
    x = torch.randn(3, 6)
    torch.testing.assert_close(apply_adapter(network(), again)(x), apply_adapter(network(), adapter)(x), rtol=0, atol=0)
    assert adapter_files(again) == adapter_files(adapter)


@pytest.mark.parametrize("env", ["base", "full"])
def test_peft_itself_puts_a_saved_adapter_on_its_base(env: str, tmp_path: Path) -> None:
    """With the box head that Grounding DINO shares, whose matrices stand in the file under each of its names."""
    base = build_tiny_grounding_dino(TINY_GROUNDING_DINO, ["ring"], seed=0)
    base = original_grounding_dino(base.processor) if env == "full" else base
    lora = tuning_config("grounding_dino", env).lora.model_copy(update={"max_share": 0.9})
    adapter = tuned(base.model, lora)
    assert bool(adapter.shared) == (env == "base")
    AdapterDataset(filepath=str(tmp_path / "adapter")).save(adapter)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        theirs = peft.PeftModel.from_pretrained(copy.deepcopy(base.model), str(tmp_path / "adapter")).eval()
    assert [str(one.message) for one in said if "issing" in str(one.message)] == []
    ours = apply_adapter(copy.deepcopy(base.model), adapter)
    inputs = base.inputs([torch.zeros(64, 64, 3, dtype=torch.uint8).numpy()], ["ring."])
    with torch.inference_mode():
        for name in ("logits", "pred_boxes"):
            wanted, plain = getattr(ours(**inputs), name), getattr(base.model(**inputs), name)
            torch.testing.assert_close(getattr(theirs(**inputs), name), wanted, rtol=1e-5, atol=1e-5)
            assert not torch.allclose(plain, wanted)


def test_a_shared_layer_is_one_in_memory_and_comes_back_as_one() -> None:
    model = nn.ModuleDict({"one": nn.Linear(3, 3), "other": nn.Linear(3, 3), "alone": nn.Linear(3, 3)})
    model["other"].weight = model["one"].weight
    adapter = tuned(model, LORA.model_copy(update={"targets": "^(one|alone)$"}))
    assert adapter.shared == {"other": "one"}
    assert {name.split(".")[0] for name in adapter.tensors} == {"one", "alone"}
    files = adapter_files(adapter)
    assert len(load(files[WEIGHTS_FILE])) == 6
    again = read_adapter(files)
    assert (again.shared, again.tensors.keys()) == (adapter.shared, adapter.tensors.keys())
    applied = apply_adapter(copy.deepcopy(model), again)
    assert applied["one"].lora_B["default"].weight is applied["other"].lora_B["default"].weight

    parted = copy.deepcopy(model)
    parted["other"].weight = nn.Parameter(parted["one"].weight.clone())
    with pytest.raises(AdapterError, match=r"expected layers of the names \{\}, got \{'other': 'one'\}"):
        apply_adapter(parted, again)
    tensors = load(files[WEIGHTS_FILE])
    tensors["base_model.model.other.lora_B.weight"][0, 0] += 1
    with pytest.raises(AdapterError, match="expected one lora_B of 'one' and 'other'"):
        read_adapter({**files, WEIGHTS_FILE: save(tensors)})


A = "base_model.model.0.lora_A.weight"
HOSTILE = {
    "expected finite numbers, got NaN": lambda _, tensors: tensors[A].fill_(torch.nan),
    "got NaN or infinity": lambda _, tensors: tensors[A].fill_(torch.inf),
    "expected matrices of LoRA alone, got '0.weight'": lambda _, tensors: tensors.update({"0.weight": torch.ones(2)}),
    "of torch.float16": lambda _, tensors: tensors.update({A: tensors[A].half()}),
    "rank 2, got .*lora_A.* \\(3, 6\\)": lambda _, tensors: tensors.update({A: torch.ones(3, 6)}),
    "rank 2, got .*lora_A.* \\(\\)": lambda _, tensors: tensors.update({A: torch.tensor(1.0)}),
    "lora_A and lora_B of each layer, got one alone of \\['0'\\]": lambda _, tensors: tensors.pop(A),
    "of 0 matrices": lambda _, tensors: tensors.clear(),
    "rank 1000000000": lambda settings, _: settings["gsam_edge"]["config"]["lora"].update({"r": 10**9}),
    "run_this": lambda settings, _: settings.update({"run_this": "rm"}),
    "also_this": lambda settings, _: settings["gsam_edge"]["config"].update({"also_this": 1}),
    "peft_type": lambda settings, _: settings.update({"peft_type": "LOHA"}),
    "finite number": lambda settings, _: settings["gsam_edge"]["config"]["lora"].update({"alpha": float("inf")}),
    "agree with `gsam_edge`": lambda settings, _: settings.update({"lora_alpha": 5}),
    "and with the layers": lambda settings, _: settings.update({"target_modules": "0"}),
    "which are one layer, got others": lambda settings, _: settings["gsam_edge"].update({"shared": {"4": "5"}}),
    "base_digest": lambda settings, _: settings["gsam_edge"]["config"].pop("base_digest"),
}


@pytest.mark.parametrize("message", HOSTILE)
def test_files_that_no_tuning_wrote_are_refused_with_a_sentence(message: str) -> None:
    read_adapter(changed(lambda settings, tensors: None))
    with pytest.raises(AdapterError, match=message):
        read_adapter(changed(HOSTILE[message]))


def test_a_bit_that_flipped_is_noticed() -> None:
    files = adapter_files(tuned(network()))
    with pytest.raises(AdapterError, match=f"{WEIGHTS_FILE}: .*the file was damaged since; take another copy"):
        read_adapter({**files, WEIGHTS_FILE: with_a_flipped_bit(files[WEIGHTS_FILE])})


def test_nothing_is_unpickled_and_nothing_is_taken_for_a_file_that_is_missing(tmp_path: Path) -> None:
    files = adapter_files(tuned(network()))
    evil = pickle.dumps({"base_model.model.0.lora_A.weight": [1.0]})
    for content in (evil, of_a_type_that_pytorch_lacks(A)):
        with pytest.raises(AdapterError, match="expected a safetensors file"):
            read_adapter({**files, WEIGHTS_FILE: content})
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / WEIGHTS_FILE).rename(tmp_path / "adapter_model.bin")
    with pytest.raises(DatasetError, match=r"a pickle such as adapter_model\.bin is never read"):
        AdapterDataset(filepath=str(tmp_path)).load()


@pytest.mark.parametrize("content", [b"", b"\x00\xff", b"{", b"[]", b"5", b'{"peft_type": 5}', b"[" * 10**5, b"x" * 40])
@pytest.mark.parametrize("name", [CONFIG_FILE, WEIGHTS_FILE, "not_needed.json"])
def test_damage_to_a_file_is_one_sentence(name: str, content: bytes, tmp_path: Path) -> None:
    sound = adapter_files(tuned(network())) if name != "not_needed.json" else {}
    for file, whole in sound.items():
        (tmp_path / file).write_bytes(whole)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DatasetError, match="expected"):
        AdapterDataset(filepath=str(tmp_path)).load()


def test_a_folder_that_holds_an_adapter_and_the_reason_for_none_is_refused(tmp_path: Path) -> None:
    """Which of them is old, nobody knows; silently taking the teacher's base would tell nothing of it."""
    dataset = AdapterDataset(filepath=str(tmp_path))
    (tmp_path / "not_needed.json").write_text('{"status": "not needed", "why": "no masks"}')
    assert dataset.load() == {"status": "not needed", "why": "no masks"}
    for file, sound in adapter_files(tuned(network())).items():
        (tmp_path / file).write_bytes(sound)
    with pytest.raises(DatasetError, match=r"expected an adapter or not_needed\.json, got \['adapter_config.json', "):
        dataset.load()


def test_an_adapter_is_never_put_on_a_layer_that_shares_its_weight_with_something_else() -> None:
    """Such files are not ours, since tuning refuses the layer."""
    apart = nn.ModuleDict({"words": nn.Embedding(4, 4), "head": nn.Linear(4, 4)})
    adapter = tuned(apart, LORA.model_copy(update={"targets": "^head$"}))
    tied = copy.deepcopy(apart)
    tied["words"].weight = tied["head"].weight
    config = adapter.config.model_copy(update={"base_digest": weights_digest(tied)})
    with pytest.raises(AdapterError, match=r"share their weight with \['words'\]"):
        apply_adapter(tied, Adapter(adapter.tensors, config, {"head": "words"}))


def test_a_file_of_absurd_size_is_not_read(tmp_path: Path) -> None:
    for file, sound in adapter_files(tuned(network())).items():
        (tmp_path / file).write_bytes(sound)
    with (tmp_path / WEIGHTS_FILE).open("r+b") as stream:
        stream.truncate(MOST_BYTES[WEIGHTS_FILE] + 1)  # sparse: takes no room
    with pytest.raises(DatasetError, match=rf"{WEIGHTS_FILE}: expected at most {2**30} bytes, got {2**30 + 1}"):
        AdapterDataset(filepath=str(tmp_path)).load()


def test_a_pattern_from_a_file_is_never_run() -> None:
    """One that takes ages on long names decides nothing: the layers are those of the tensors."""
    slow = r"^(\w+\w+)+!$"
    base = nn.ModuleDict({"a" * 60: nn.Linear(3, 3), "b": nn.Linear(3, 3)})
    adapter = tuned(base, LORA.model_copy(update={"targets": "^b$"}))
    lora = LORA.model_copy(update={"targets": slow})
    hostile = Adapter(adapter.tensors, adapter.config.model_copy(update={"lora": lora}))
    assert adapter_parameters(apply_adapter(base, read_adapter(adapter_files(hostile))))
