"""Claim: the INT8 student is faster than the FP32 one in ONNX Runtime on this CPU.

The aim is 3.0 times for the student of conf/full and 1.8 times for that of conf/base, by the clock with two threads.

The networks and their heads (suppression, masks, padding) are those that the configuration ships. Both artefacts come
from this project's own export, with random weights: their speed depends neither on the values nor on the objects, since
all shapes are fixed. They run in turns in one process, so that other work on the machine slows both; processor time
says more than the clock where there is other work, but with several threads it counts their waiting, too.

    python benchmarks/int8_speed.py --env full --threads 2
"""

import argparse
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from kedro.config import OmegaConfigLoader
from numpy.typing import NDArray

from gsam_edge.export.format import StudentModule
from gsam_edge.export.formats.onnx import OnnxConfig, to_onnx
from gsam_edge.export.quantization.static import QuantizationConfig, quantize_static
from gsam_edge.runtime.engines.table import open_engine
from gsam_edge.students.choice import StudentConfig
from gsam_edge.students.ultralytics.edge import EdgeStudent
from gsam_edge.students.ultralytics.network import new_network
from gsam_edge.students.weights import StudentWeights

CONF = Path(__file__).parents[1] / "conf"
AIM = {"full": 3.0, "base": 1.8}  # FP32 / INT8
ARCHITECTURE = "yolov8-seg"  # what data with boxes and masks chooses
CLASS_NAMES = ("ear of bag", "surface defect", "printed label")
QUANTIZATION = QuantizationConfig(
    calibration_images=2, method="minmax", percentile=99.99, per_channel=True, reduce_range=False
)
WARM_UP = 3


def configured(env: str) -> StudentConfig:
    """Returns the student that a configuration ships."""
    loader = OmegaConfigLoader(
        conf_source=str(CONF), base_env="base", default_run_env=env, merge_strategy={"parameters": "soft"}
    )
    return StudentConfig.model_validate(loader["parameters"]["student"])


def artefacts(student: StudentConfig, canvases: list[NDArray[np.float32]]) -> dict[str, bytes]:
    """Returns the FP32 and the INT8 file of one random student."""
    torch.manual_seed(0)
    state = new_network(ARCHITECTURE, student.size, len(CLASS_NAMES)).state_dict()
    weights = StudentWeights(ARCHITECTURE, student.size, CLASS_NAMES, student.image_size, student.edge, state)
    exact = to_onnx(StudentModule(EdgeStudent(weights), weights.card), OnnxConfig(opset=17))
    return {"FP32": exact, "INT8": quantize_static(exact, canvases, QUANTIZATION)}


def latencies_ms(
    models: Mapping[str, bytes], canvas: NDArray[np.float32], threads: int, rounds: int
) -> dict[str, NDArray[np.float64]]:
    """Returns milliseconds [rounds, 2] of each call of the models in turns: by the clock, and of the processor."""
    engines = {name: open_engine(model, ".onnx", threads=threads) for name, model in models.items()}
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in engines}
    for _ in range(rounds + WARM_UP):
        for name, engine in engines.items():
            clock, processor = time.perf_counter(), time.process_time()
            engine.run(canvas)
            taken[name].append(((time.perf_counter() - clock) * 1e3, (time.process_time() - processor) * 1e3))
    return {name: np.array(values[WARM_UP:]) for name, values in taken.items()}


def main() -> None:
    """Prints one row per artefact and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--env", choices=sorted(AIM), default="base", help="whose student: conf/<env>")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=40)
    arguments = parser.parse_args()

    student = configured(arguments.env)
    side, edge = student.image_size, student.edge
    canvases = list(np.random.default_rng(0).random((2, 1, 3, side, side), np.float32))
    models = artefacts(student, canvases)
    taken = latencies_ms(models, canvases[0], arguments.threads, arguments.rounds)
    print(
        f"conf/{arguments.env}: {ARCHITECTURE} {student.size}, {side} px, {edge.max_detections} objects of "
        f"{edge.candidates} candidates, {edge.nms_iterations} rounds; threads {arguments.threads}, "
        f"{arguments.rounds} calls each in turns"
    )
    for name, values in taken.items():
        (clock, processor), (least_clock, least_processor) = np.median(values, 0), values.min(0)
        print(
            f"{name}  {len(models[name]) / 1e6:5.1f} MB  clock: median {clock:6.1f} ms, least {least_clock:6.1f}  "
            f"processor: median {processor:6.1f} ms, least {least_processor:6.1f}"
        )
    ratios = np.median(taken["FP32"], 0) / np.median(taken["INT8"], 0)
    least = taken["FP32"].min(0) / taken["INT8"].min(0)
    print(f"FP32 / INT8, medians: clock {ratios[0]:.2f}, processor {ratios[1]:.2f}")
    print(f"FP32 / INT8, least: clock {least[0]:.2f}, processor {least[1]:.2f}")
    print(f"the aim is {AIM[arguments.env]} x")
    assert ratios[1] > 1, f"expected INT8 to take less of the processor than FP32, got {ratios[1]:.2f} x"


if __name__ == "__main__":
    main()
