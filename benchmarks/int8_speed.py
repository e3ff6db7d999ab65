"""Claim: the INT8 student is faster than the FP32 one on this CPU.

Both artefacts come from this project's own export, of one YOLOv8-seg with random weights (speed does not depend on
their values), and run in turn in one process, so that other work on the machine slows both.

    python benchmarks/int8_speed.py --size s --image-size 640 --threads 2
"""

import argparse
import time

import numpy as np
import torch
from numpy.typing import NDArray

from gsam_edge.export.format import StudentModule
from gsam_edge.export.formats.onnx import OnnxConfig, to_onnx
from gsam_edge.export.quantization.static import QuantizationConfig, quantize_static
from gsam_edge.runtime.engines.table import open_engine
from gsam_edge.students.choice import EdgeConfig
from gsam_edge.students.ultralytics.edge import EdgeStudent
from gsam_edge.students.ultralytics.network import new_network
from gsam_edge.students.weights import StudentWeights

CLASS_NAMES = ("ear of bag", "surface defect", "printed label")
EDGE = EdgeConfig(max_detections=50, candidates=200, iou_threshold=0.6, nms_iterations=10, score_floor=0.01)
QUANTIZATION = QuantizationConfig(
    calibration_images=2, method="minmax", percentile=99.99, per_channel=True, reduce_range=False
)


def artefacts(size: str, image_size: int, canvases: list[NDArray[np.float32]]) -> dict[str, bytes]:
    """Returns the FP32 and the INT8 file of one random student."""
    torch.manual_seed(0)
    state = new_network("yolov8-seg", size, len(CLASS_NAMES)).state_dict()
    weights = StudentWeights("yolov8-seg", size, CLASS_NAMES, image_size, EDGE, state)
    exact = to_onnx(StudentModule(EdgeStudent(weights), weights.card), OnnxConfig(opset=17))
    return {"FP32": exact, "INT8": quantize_static(exact, canvases, QUANTIZATION)}


def latencies_ms(
    models: dict[str, bytes], canvas: NDArray[np.float32], threads: int, rounds: int
) -> dict[str, list[float]]:
    """Returns milliseconds per call of the models in turn, after three rounds of warm-up."""
    engines = {name: open_engine(model, ".onnx", threads=threads) for name, model in models.items()}
    taken: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(rounds + 3):
        for name, engine in engines.items():
            start = time.perf_counter()
            engine.run(canvas)
            taken[name].append((time.perf_counter() - start) * 1e3)
    return {name: values[3:] for name, values in taken.items()}


def main() -> None:
    """Prints one row per artefact and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=["n", "s", "m"], default="n")
    parser.add_argument("--image-size", type=int, default=320, help="pixels")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=40)
    arguments = parser.parse_args()

    shape = (1, 3, arguments.image_size, arguments.image_size)
    canvases = list(np.random.default_rng(0).random((2, *shape), np.float32))
    models = artefacts(arguments.size, arguments.image_size, canvases)
    taken = latencies_ms(models, canvases[0], arguments.threads, arguments.rounds)
    print(
        f"yolov8{arguments.size}-seg, {arguments.image_size} px, threads {arguments.threads}, {arguments.rounds} rounds"
    )
    for name, values in taken.items():
        median, p95 = np.percentile(values, [50, 95])
        print(f"{name}  {len(models[name]) / 1e6:6.1f} MB  median {median:7.1f} ms  p95 {p95:7.1f} ms")
    print(f"FP32 / INT8 = {np.median(taken['FP32']) / np.median(taken['INT8']):.2f}")


if __name__ == "__main__":
    main()
