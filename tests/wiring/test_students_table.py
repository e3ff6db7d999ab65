"""FAMILIES: every student family keeps its Protocol, and its architectures can be asked for, chosen and found."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from kedro.config import OmegaConfigLoader
from pydantic import BaseModel

from gsam_edge.distill.config import DistillationConfig
from gsam_edge.runtime.tasks.table import TASKS
from gsam_edge.students.family import Architecture, StudentFamily
from gsam_edge.students.table import ARCHITECTURES, FAMILIES, family_of

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_keeps_its_protocol_and_has_a_line_in_the_docs(name: str) -> None:
    family = FAMILIES[name]
    assert isinstance(family, StudentFamily)
    assert issubclass(family.config, BaseModel)
    assert family.config.model_config["frozen"]
    assert family.config.model_config["extra"] == "forbid"
    assert f"`{name}`" in (ROOT / "docs" / "extending" / "student.md").read_text()


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_an_architecture_has_a_known_task_and_a_line_where_users_choose_it(name: str) -> None:
    architecture = ARCHITECTURES[name]
    assert isinstance(architecture, Architecture)
    assert architecture.task in TASKS
    assert name in family_of(name).architectures
    answers = "boxes and masks" if architecture.masks else "boxes"
    pretrained = f"`{architecture.pretrained}`" if architecture.pretrained else "none"
    sizes = " ".join(architecture.sizes) or "null"
    line = f"| `{name}` | {answers} | {sizes} | {architecture.stride} | {pretrained} |"
    assert line in (ROOT / "docs" / "students.md").read_text().splitlines()
    comment, _ = (ROOT / "conf" / "base" / "parameters_distillation.yml").read_text().split("  architecture: auto\n")
    assert name in re.split(r"[\s|()]+", comment)


def test_the_docs_name_no_other_architecture() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \|.*\|.*\|.*\|.*\|$", (ROOT / "docs" / "students.md").read_text(), re.MULTILINE)
    assert rows == list(ARCHITECTURES)


def test_no_two_families_have_an_architecture_of_one_name() -> None:
    assert sum(len(family.architectures) for family in FAMILIES.values()) == len(ARCHITECTURES)


@pytest.mark.parametrize("held", [{"boxes"}, {"masks"}, {"boxes", "masks"}])
def test_whatever_the_data_holds_some_architecture_learns_from_it(held: set[str]) -> None:
    assert any(architecture.learns_from == held for architecture in ARCHITECTURES.values())


@pytest.mark.parametrize("env", ["base", "test", "full"])
def test_the_training_parameters_are_those_of_a_family(env: str) -> None:
    config = OmegaConfigLoader(
        conf_source=str(ROOT / "conf"), base_env="base", default_run_env=env, merge_strategy={"parameters": "soft"}
    )
    training = DistillationConfig(**config["parameters"]["distillation"]).training
    assert type(training) in {family.config for family in FAMILIES.values()}


def test_the_table_loads_no_heavy_library() -> None:
    heavy = {"torch", "transformers", "ultralytics", "onnxruntime", "onnx", "cv2", "albumentations"}
    program = f"import sys, gsam_edge.students.table, gsam_edge.export.table; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
