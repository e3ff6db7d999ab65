"""The engine of TensorRT: what its file says is checked, its calls exist, and it moves tensors as it should.

No test here has a GPU: the calls are compared with the signatures in NVIDIA's bindings, and run against a stand-in.
"""

import importlib.metadata
import importlib.util
import inspect
import shutil
import subprocess
import sys
from contextlib import closing

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsam_edge.runtime import ArtefactError, Card
from gsam_edge.runtime.archive import pack
from gsam_edge.runtime.engines.cuda import CudaError
from gsam_edge.runtime.engines.tensorrt import TensorRtEngine
from gsam_edge.runtime.engines.tensorrt_plan import Plan
from gsam_edge.runtime.tensors import InputTensor
from support.fake_tensorrt import SIDE, FakeCuda, fake_tensorrt

CARD = Card("detect", ("a", "b"), SIDE, "blob", "0.1.0", notes=("one",))
INPUTS = (InputTensor("images", (None, 3, SIDE, SIDE), "float32"),)
PLAN = Plan(CARD, "10.3.0", "Orin (8.7)", INPUTS, b"a plan")

#: What is called, by class and name, with the arguments that are given to it.
CALLS = {
    "Builder.__init__": ("logger",),
    "Builder.build_serialized_network": ("network", "config"),
    "Builder.create_builder_config": (),
    "Builder.create_network": ("flags",),
    "Builder.create_optimization_profile": (),
    "IBuilderConfig.add_optimization_profile": ("profile",),
    "IBuilderConfig.clear_flag": ("flag",),
    "IBuilderConfig.create_timing_cache": ("serialized_timing_cache",),
    "IBuilderConfig.get_timing_cache": (),
    "IBuilderConfig.set_memory_pool_limit": ("pool", "pool_size"),
    "IBuilderConfig.set_timing_cache": ("cache", "ignore_mismatch"),
    "ICudaEngine.create_execution_context": (),
    "ICudaEngine.get_tensor_dtype": ("name",),
    "ICudaEngine.get_tensor_mode": ("name",),
    "ICudaEngine.get_tensor_name": ("index",),
    "ICudaEngine.get_tensor_profile_shape": ("name", "profile_index"),
    "ICudaEngine.get_tensor_shape": ("name",),
    "IExecutionContext.execute_async_v3": ("stream_handle",),
    "IExecutionContext.get_tensor_shape": ("name",),
    "IExecutionContext.set_input_shape": ("name", "shape"),
    "IExecutionContext.set_tensor_address": ("name", "memory"),
    "IOptimizationProfile.set_shape": ("input", "min", "opt", "max"),
    "ITimingCache.serialize": (),
    "Logger.__init__": ("min_severity",),
    "OnnxParser.__init__": ("network", "logger"),
    "OnnxParser.get_error": ("index",),
    "OnnxParser.parse": ("model",),
    "ParserError.desc": (),
    "Runtime.__init__": ("logger",),
    "Runtime.deserialize_cuda_engine": ("serialized_engine",),
}
VALUES = (
    "BuilderFlag.TF32", "ICudaEngine.num_io_tensors", "Logger.ERROR", "Logger.WARNING", "MemoryPoolType.WORKSPACE",
    "NetworkDefinitionCreationFlag.STRONGLY_TYPED", "OnnxParser.num_errors", "TensorIOMode.INPUT",
)  # fmt: skip
CUDA_CALLS = {
    "cudaFree": 1, "cudaGetDeviceProperties": 1, "cudaMalloc": 1, "cudaMemcpy": 4, "cudaStreamCreate": 0,
    "cudaStreamDestroy": 1, "cudaStreamSynchronize": 1,
}  # fmt: skip

#: All that NVIDIA's bindings take from its libraries when they are imported: empty ones show the signatures.
LIBRARIES = ("nvinfer", "nvinfer_plugin", "nvonnxparser")
SYMBOLS = (
    "createInferBuilder_INTERNAL", "createInferRefitter_INTERNAL", "createInferRuntime_INTERNAL",
    "createNvOnnxParserRefitter_INTERNAL", "createNvOnnxParser_INTERNAL", "getBuilderPluginRegistry",
    "getNvOnnxParserVersion", "getPluginRegistry", "initLibNvInferPlugins",
)  # fmt: skip
SHOW = f"""
import tensorrt_bindings as trt
for path in {[*CALLS, *VALUES]}:
    owner, name = path.split(".")
    found = getattr(getattr(trt, owner), name)
    print(path, " ".join((found.__doc__ or "").split()), sep="\\t")
"""


@pytest.fixture
def device(monkeypatch):
    """The stand-in's CUDA, which the engine now finds."""
    cuda = FakeCuda()
    monkeypatch.setitem(sys.modules, "tensorrt", fake_tensorrt(cuda))
    monkeypatch.setitem(sys.modules, "cuda.bindings", type(sys)("cuda.bindings"))
    monkeypatch.setattr(sys.modules["cuda.bindings"], "runtime", cuda, raising=False)
    return cuda


def test_every_call_is_in_nvidias_bindings_with_these_arguments(tmp_path):
    compiler = shutil.which("cc")
    if importlib.util.find_spec("tensorrt_bindings") is None or compiler is None:
        pytest.skip("pip install --no-deps tensorrt-cu13-bindings, and a C compiler")
    major = importlib.metadata.version("tensorrt-cu13-bindings").split(".")[0]
    (tmp_path / "empty.c").write_text("".join(f"void *{name}() {{ return 0; }}\n" for name in SYMBOLS))
    for library in LIBRARIES:
        target = f"lib{library}.so.{major}"
        subprocess.run([compiler, "-shared", "-fPIC", "-o", target, "empty.c"], cwd=tmp_path, check=True)
    environment = {"LD_LIBRARY_PATH": str(tmp_path), "PYTHONPATH": ":".join(sys.path)}
    shown = subprocess.run([sys.executable, "-c", SHOW], env=environment, capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stderr
    written = dict(line.split("\t", 1) for line in shown.stdout.splitlines())
    for call, arguments in CALLS.items():
        assert all(f"{argument}:" in written[call] for argument in arguments), written[call]
    assert set(VALUES) <= set(written)


def test_every_call_of_cuda_takes_so_many_arguments():
    runtime = pytest.importorskip("cuda.bindings.runtime", reason='pip install "gsam_edge[tensorrt]"')
    for name, count in CUDA_CALLS.items():
        assert len(inspect.signature(getattr(runtime, name)).parameters) == count
    assert {"cudaMemcpyHostToDevice", "cudaMemcpyDeviceToHost"} <= set(dir(runtime.cudaMemcpyKind))


def test_a_plan_is_read_back_and_equal_plans_are_equal_bytes():
    assert Plan.from_bytes(PLAN.to_bytes()) == PLAN
    assert PLAN.to_bytes() == Plan.from_bytes(PLAN.to_bytes()).to_bytes()


def test_batches_up_to_the_profiles_largest_are_computed_and_memory_is_given_back(device):
    with closing(TensorRtEngine.open(PLAN.to_bytes(), threads=1, providers=())) as engine:
        assert (engine.card, engine.inputs, engine.outputs) == (CARD, INPUTS, ("scores",))
        kept = []
        for size in (8, 1, 3):
            batch = np.random.default_rng(size).random((size, 3, SIDE, SIDE), np.float32)
            answer = engine.run(batch)
            assert list(answer) == ["scores"]
            kept.append((batch, answer["scores"]))
        for batch, scores in kept:  # none was overwritten by the next
            np.testing.assert_array_equal(scores, batch + 1)
        flipped = np.random.default_rng(0).random((2, SIDE, SIDE, 3), np.float32).transpose(0, 3, 1, 2)
        np.testing.assert_array_equal(engine.run(flipped)["scores"], flipped + 1)
        doubled = np.random.default_rng(0).random((8, 3, SIDE, SIDE))  # float64: twice what the block holds
        np.testing.assert_array_equal(engine.run(doubled)["scores"], doubled.astype(np.float32) + 1)
        with pytest.raises(ArtefactError, match="expected at most 8 images, got 9"):
            engine.run(np.zeros((9, 3, SIDE, SIDE), np.float32))
        with pytest.raises(ArtefactError, match="expected a shape of the plan's profile"):
            engine.run(np.zeros((1, 3, SIDE, SIDE + 1), np.float32))
    assert device.blocks == {}


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (
            Plan(CARD, "8.6.1", "Orin (8.7)", INPUTS, b"a plan"),
            r"got one for TensorRT 8\.6\.1 and Orin .*export the student",
        ),
        (
            Plan(CARD, "10.3.0", "Xavier (7.2)", INPUTS, b"a plan"),
            r"expected one for TensorRT 10\.3\.0 and the GPU Orin .* and Xavier \(7\.2\)",
        ),
        (Plan(CARD, "10.3.0", "Orin (8.7)", INPUTS, b"damaged"), "expected a plan that TensorRT 10.3.0 can load"),
    ],
)
def test_a_plan_of_another_place_is_one_message(device, plan, message):
    with pytest.raises(ArtefactError, match=message):
        TensorRtEngine.open(plan.to_bytes(), threads=1, providers=())


def test_without_tensorrt_one_line_says_how_it_is_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    with pytest.raises(ArtefactError, match=r"expected TensorRT 10\.3\.0, but: .*pip install"):
        TensorRtEngine.open(PLAN.to_bytes(), threads=1, providers=())


def test_a_gpu_without_enough_memory_is_one_message_and_keeps_nothing(monkeypatch, device):
    device._left = 8 * 3 * SIDE * SIDE * 4
    with pytest.raises(CudaError, match=r"cudaMalloc.*cudaErrorMemoryAllocation"):
        TensorRtEngine.open(PLAN.to_bytes(), threads=1, providers=())
    assert device.blocks == {}


LABEL = PLAN.to_bytes()


@given(st.integers(0, len(LABEL) - 1), st.integers(0, 255))
def test_a_damaged_file_is_read_or_refused_in_one_message(place, value):
    content = bytearray(LABEL)
    content[place] = value
    try:
        Plan.from_bytes(bytes(content))
    except ArtefactError:
        return


@pytest.mark.parametrize(
    "label", [b"", b"[]", b"{}", b'{"card": 1}', b'{"card": {}, "inputs": [1]}', b"[" * 10**5, b" " * 10**7]
)
def test_a_label_that_says_nothing_is_refused(label):
    with pytest.raises(ArtefactError, match=r"label\.json: expected"):
        Plan.from_bytes(pack({"label.json": label, "student.plan": b""}))
