"""TensorRT's builder is asked for what the parameters say; where it is not, the report says how to do it elsewhere."""

import sys

import onnx
import pytest
from pydantic import ValidationError

from gsam_edge.export.format import NotBuilt
from gsam_edge.export.formats.onnx import graph_inputs, read_card
from gsam_edge.export.formats.tensorrt import TensorRt, TensorRtConfig, build_plan, trtexec_command
from support.fake_tensorrt import FakeCuda, fake_tensorrt

CONFIG = TensorRtConfig(batch_sizes=(1, 4, 8), workspace_mb=2048, timing_cache=None)
FORMAT = TensorRt("tensorrt", "onnx", "single", "student.onnx")
COMMAND = "trtexec --onnx=student.onnx --saveEngine=student.plan --stronglyTyped --noTF32"


@pytest.fixture(scope="module")
def one_image(blob_onnx):
    """The blob student's file, which leaves the number of images open, for one image at a time."""
    model = onnx.load_from_string(blob_onnx)
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    return model.SerializeToString()


def test_without_tensorrt_nothing_fails_and_the_command_for_the_device_is_said(blob_onnx, one_image, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    made = FORMAT.build(one_image, None, CONFIG)
    assert isinstance(made, NotBuilt)
    assert made.why.startswith("not built here: ")
    assert made.why.endswith(f"{COMMAND} --memPoolSize=workspace:2048M")
    shapes = "--minShapes=images:1x3x64x64 --optShapes=images:4x3x64x64 --maxShapes=images:8x3x64x64"
    assert f"{COMMAND} {shapes} --memPoolSize=workspace:2048M" in FORMAT.build(blob_onnx, None, CONFIG).why


def test_the_command_names_the_timing_cache(blob_onnx):
    config = CONFIG.model_copy(update={"timing_cache": "kernels.cache"})
    assert trtexec_command("student.onnx", graph_inputs(blob_onnx), config).endswith(" --timingCacheFile=kernels.cache")


def test_the_builder_is_asked_for_what_the_parameters_say(blob_onnx, tmp_path):
    trt = fake_tensorrt(FakeCuda())
    kept = tmp_path / "new" / "kernels.cache"
    config = CONFIG.model_copy(update={"timing_cache": kept})
    plan = build_plan(trt, "Orin (8.7)", blob_onnx, config)
    assert trt.asked == {
        "network": 1 << 1,
        "workspace": 2048 * 2**20,
        "cleared": "tf32",
        "images": tuple((size, 3, 64, 64) for size in (1, 4, 8)),
        "known": b"",
    }
    assert (plan.tensorrt, plan.gpu, plan.content) == ("10.3.0", "Orin (8.7)", b"a plan")
    assert plan.inputs == graph_inputs(blob_onnx)
    assert FORMAT.read_card(plan.to_bytes()) == read_card(blob_onnx)
    assert [path.name for path in kept.parent.iterdir()] == ["kernels.cache"]
    build_plan(trt, "Orin (8.7)", blob_onnx, config)
    assert trt.asked["known"] == b"kernels"


def test_a_file_of_one_batch_size_needs_no_profile(one_image):
    trt = fake_tensorrt(FakeCuda())
    build_plan(trt, "Orin (8.7)", one_image, CONFIG)
    assert "images" not in trt.asked


def test_what_tensorrt_cannot_parse_says_why(blob_onnx):
    with pytest.raises(ValueError, match=r"expected an ONNX file that it can parse, but: no such op"):
        build_plan(fake_tensorrt(FakeCuda(), broken=True), "Orin (8.7)", blob_onnx, CONFIG)


@pytest.mark.parametrize("sizes", [(0, 4, 8), (4, 1, 8), (1, 9, 8)])
def test_batch_sizes_rise(sizes):
    with pytest.raises(ValidationError, match="expected 1 <= smallest <= usual <= largest"):
        TensorRtConfig(batch_sizes=sizes, workspace_mb=1, timing_cache=None)
