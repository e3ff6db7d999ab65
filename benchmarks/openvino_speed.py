"""Claim: OpenVINO's best artefact is at least 3.3 times as fast as FP32 in ONNX Runtime, with the student of conf/full.

The student and its head are those of int8_speed.py: what conf/full ships, with random weights. All run in turns in one
process, so that other work on the machine slows all; processor time says more than the clock where there is other work.

    pip install "gsam_edge[openvino]"
    python benchmarks/openvino_speed.py --env full --threads 2
"""

import argparse
import time

import numpy as np
from numpy.typing import NDArray

from gsam_edge.export.formats.openvino import OpenVinoConfig, to_openvino
from gsam_edge.runtime.engines.openvino import import_openvino
from gsam_edge.runtime.engines.table import open_engine
from int8_speed import artefacts, configured

WARM_UP = 3
REFERENCE = "ONNX Runtime FP32"


def made(env: str) -> tuple[dict[str, tuple[bytes, str]], NDArray[np.float32]]:
    """Returns each artefact with its suffix, and an input."""
    student = configured(env)
    shape = (1, 3, student.image_size, student.image_size)
    canvases = list(np.random.default_rng(0).random((2, *shape), np.float32))
    onnx = artefacts(student, canvases)
    files = {f"ONNX Runtime {name}": (content, ".onnx") for name, content in onnx.items()}
    for name, precision in (("FP32", "f32"), ("FP32", "bf16"), ("INT8", "f32")):
        content = to_openvino(onnx[name], OpenVinoConfig(weights="float32", inference_precision=precision))
        files[f"OpenVINO {name} in {precision}"] = content, ".openvino.zip"
    return files, canvases[0]


def main() -> None:
    """Prints one row per artefact, with its ratio to `REFERENCE`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--env", choices=["base", "full"], default="base", help="whose student: conf/<env>")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=40)
    arguments = parser.parse_args()

    try:
        import_openvino()
    except ModuleNotFoundError as absent:
        print(f'{absent.name} is not installed: pip install "gsam_edge[openvino]"')
        return
    files, canvas = made(arguments.env)
    engines = {
        name: open_engine(content, suffix, threads=arguments.threads) for name, (content, suffix) in files.items()
    }
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in engines}
    for _ in range(arguments.rounds + WARM_UP):
        for name, engine in engines.items():
            clock, processor = time.perf_counter(), time.process_time()
            engine.run(canvas)
            taken[name].append((time.perf_counter() - clock, time.process_time() - processor))
    print(f"conf/{arguments.env}, {canvas.shape[-1]} px, threads {arguments.threads}, {arguments.rounds} rounds")
    medians = {name: np.median(values[WARM_UP:], axis=0) * 1e3 for name, values in taken.items()}
    for name, (clock, processor) in medians.items():
        ratio, of_processor = medians[REFERENCE] / medians[name]
        print(
            f"{name:24}  {len(files[name][0]) / 1e6:6.1f} MB  median {clock:7.1f} ms ({ratio:.2f} x), "
            f"processor {processor:7.1f} ms ({of_processor:.2f} x)"
        )


if __name__ == "__main__":
    main()
