"""Mutated model files: each is read or refused with one of our messages, within a clock and a limit of memory.

PYTHONPATH=tests python -m support.fuzz [COUNT] [KIND ...]
"""

import io
import json
import os
import random
import resource
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from torch import nn

from gsam_edge.runtime.archive import pack, unpack, unpack_properties
from gsam_edge.runtime.card import Card
from gsam_edge.runtime.detector import Detector
from gsam_edge.students.choice import EdgeConfig
from gsam_edge.students.weights import StudentWeights
from gsam_edge.teachers.lora.adapter import AdapterConfig, apply_adapter, extract_adapter
from gsam_edge.teachers.lora.config import LoraConfig
from gsam_edge.teachers.lora.files import CONFIG_FILE, WEIGHTS_FILE, adapter_files, read_adapter
from gsam_edge.teachers.lora.layers import add_lora, weights_digest
from gsam_edge.teachers.sam.model import load_sam
from gsam_edge.training.weights_file import read_checkpoint
from gsam_edge.vision.errors import UserError
from support.constant_student import constant_student
from support.safetensors_files import without_digest

#: Most seconds of the processor that one file may take, or of the clock where it waits for something, and most bytes
#: that a process may take beyond what it has at the start.
CLOCK_S, WAITING_S, MOST_BYTES = 20, 600, 4 * 2**30
#: Files of one process, which is forked for them: the next process goes on where one was ended.
_AT_ONCE = 100

CARD = Card("detect", ("a", "b"), 64, "yolov8", "0.1", "w", "s", ("n",), (0.1, 0.2))
VALUES = [
    *(None, True, -1, 0, 1, 63, 10**9, 10**12, 2**63, 10**400, 1e308, -0.5, float("nan"), float("inf")),
    *("", "a", "\x1b[2J", "a" * 10_000, "\ud800", "../../x", "^(a+)+$", [], {}, [[]], [1, 2], ["a"], {"a": 1}),
]
NESTED = "[" * 100_000 + "]" * 100_000


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4)).eval()


def student() -> bytes:
    edge = EdgeConfig(max_detections=10, candidates=50, iou_threshold=0.6, nms_iterations=12, score_floor=0.001)
    tensors = {"model.0.conv.weight": torch.ones(4, 3), "model.0.bn.num_batches_tracked": torch.tensor(3)}
    return without_digest(StudentWeights("yolov8", "n", ("a", "b"), 64, edge, tensors, {"seed": 1}, "s").to_bytes())


def adapter() -> bytes:
    lora = LoraConfig(r=2, alpha=4, dropout=0.1, targets="^(0|2)$", frozen=(), max_share=0.9)
    base = network()
    config = AdapterConfig(kind="sam", class_names=("a",), base_name="b", base_digest=weights_digest(base), lora=lora)
    files = adapter_files(extract_adapter(add_lora(base, lora, seed=0), config))
    return pack({**files, WEIGHTS_FILE: without_digest(files[WEIGHTS_FILE])})


def pytorch(content: object) -> bytes:
    stream = io.BytesIO()
    torch.save(content, stream)
    return stream.getvalue()


def sam() -> bytes:
    state = {f"image_encoder.blocks.{row}.norm1.weight": torch.ones(8) for row in range(12)}
    return pytorch({"image_encoder.patch_embed.proj.weight": torch.ones(768, 3, 2, 2), **state})


def ultralytics() -> bytes:
    model = network()
    model.yaml, model.names = {"nc": 1, "backbone": []}, {0: "a"}
    return pytorch({"epoch": -1, "model": model, "train_args": {"imgsz": 64}})


def _in_a_file(content: bytes, read: Callable[[Path], object]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mutated.pt"
        path.write_bytes(content)
        read(path)


def _read_adapter(content: bytes) -> None:
    apply_adapter(network(), read_adapter(unpack(content, (CONFIG_FILE, WEIGHTS_FILE))))


def _call(content: bytes) -> None:
    Detector.open(content, ".onnx", threads=1, score_threshold=0.1)(np.zeros((20, 30, 3), np.uint8))


#: Kind of file to a sound one, and what reads it.
KINDS: Mapping[str, tuple[Callable[[], bytes], Callable[[bytes], object]]] = {
    "student": (student, StudentWeights.from_bytes),
    "adapter": (adapter, _read_adapter),
    "onnx": (constant_student, _call),
    "sam": (sam, lambda content: _in_a_file(content, load_sam)),
    "ultralytics": (ultralytics, lambda content: _in_a_file(content, read_checkpoint)),
    "card": (
        lambda: json.dumps(CARD.to_properties()).encode(),
        lambda content: Card.from_properties(unpack_properties(content)),
    ),
}  # fmt: skip


def mutated(content: bytes, rng: random.Random) -> bytes:
    """A file with a few changes: bytes and stretches anywhere, or values of the JSON in it."""
    if rng.random() < 0.4 and (found := _json_in(content)) is not None:
        start, value = found
        return _with_json(content, start, _changed(value, rng))
    mutable = bytearray(content)
    for _ in range(rng.randrange(1, 6)):
        at = rng.randrange(len(mutable) + 1)
        end = min(len(mutable), at + rng.choice([1, 1, 1, 2, 4, 8, 60, len(mutable)]))
        kind = rng.randrange(5)
        if kind == 0:
            mutable[at:end] = rng.randbytes(end - at)
        elif kind == 1:
            del mutable[at:end]
        elif kind == 2:
            mutable[at:at] = mutable[at:end]
        elif kind == 3 and at < len(mutable):
            mutable[at] ^= 1 << rng.randrange(8)
        else:
            mutable[at:end] = bytes([rng.choice([0, 0xFF, 0x7F, 0x80])]) * (end - at)
    return bytes(mutable)


def _json_in(content: bytes) -> tuple[int, object] | None:
    """The header of a safetensors file, or a whole JSON file, and where it begins; None of another file."""
    size = int.from_bytes(content[:8], "little")
    for start, text in ((8, content[8 : 8 + size] if size < len(content) else b""), (0, content)):
        with suppress(ValueError):
            return start, json.loads(text)
    return None


def _with_json(content: bytes, start: int, value: object) -> bytes:
    text = json.dumps(value).encode()
    if start == 0:
        return text
    return len(text).to_bytes(8, "little") + text + content[8 + int.from_bytes(content[:8], "little") :]


def _changed(value: object, rng: random.Random) -> object:
    """The value with another one at a place in it; JSON within texts is opened."""
    if isinstance(value, str) and value[:1] in ("{", "[") and rng.random() < 0.9:
        return NESTED if rng.random() < 0.02 else json.dumps(_changed(json.loads(value), rng))
    if not isinstance(value, dict | list) or not value or rng.random() < 0.05:
        return rng.choice(VALUES)
    copy = dict(value) if isinstance(value, dict) else list(value)
    key = rng.choice(list(copy)) if isinstance(copy, dict) else rng.randrange(len(copy))
    if rng.random() < 0.1:
        del copy[key]
    else:
        copy[key] = _changed(copy[key], rng)
    return copy


def faults(kind: str, count: int, first: int = 0) -> Iterator[str]:
    """Reads `count` mutations of a kind; yields those that end otherwise than by a result or a message of ours."""
    make, read = KINDS[kind]
    sound = make()
    if kind != "sam":  # the small one is refused for its tensors
        read(sound)
    seed = first
    while seed < first + count:
        reached, told = _batch(read, sound, seed, min(first + count, seed + _AT_ONCE))
        yield from (f"{kind} {text}" for text in told)
        seed = reached


def _batch(read: Callable[[bytes], object], sound: bytes, first: int, end: int) -> tuple[int, list[str]]:
    """Reads the mutations of some seeds in a process of its own; returns the next seed, and what went wrong."""
    reader, writer = os.pipe()
    process = os.fork()
    if not process:
        os.close(reader)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MOST_BYTES, used + MOST_BYTES))
        for seed in range(first, end):
            os.write(writer, f"{seed}\n".encode())
            signal.setitimer(signal.ITIMER_PROF, CLOCK_S)
            signal.alarm(WAITING_S)
            try:
                read(mutated(sound, random.Random(seed)))  # noqa: S311
            except UserError as error:
                if not str(error) or len(str(error)) > 5000:
                    os.write(writer, f"{seed} a message of {len(str(error))} characters\n".encode())
            except BaseException as error:  # noqa: BLE001  whatever it is, it is not ours
                place = traceback.extract_tb(error.__traceback__)[-1]
                said = f"{seed} {type(error).__name__}: {str(error)[:150]!r} at {place.filename}:{place.lineno}\n"
                os.write(writer, said.encode("utf-8", "replace"))
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as stream:
        lines = stream.read().splitlines()
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    told = [line for line in lines if " " in line]
    last = int(lines[-1].split()[0]) if lines else first
    if status:
        told.append(f"{last} ended by signal {-status}" if status < 0 else f"{last} ended with {status}")
    return last + 1 if lines else end, told


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    found = 0
    for kind in sys.argv[2:] or KINDS:
        for fault in faults(kind, count):
            found += 1
            print(fault, flush=True)  # noqa: T201
        print(f"{kind}: {count} files", flush=True)  # noqa: T201
    sys.exit(f"{found} files ended otherwise than by a result or a message" if found else 0)


if __name__ == "__main__":
    main()
