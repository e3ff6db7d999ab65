"""Claim: MobileSAM, asked for everything in an image, costs at least ten times FastSAM's student on a CPU.

    python benchmarks/mobile_sam.py [--rounds 2]

MobileSAM is Segment Anything with TinyViT-5M for its image encoder, at 1,024 px. To segment an image without a prompt
it is asked about a grid of points, 32 x 32 by default, 64 at a time. FastSAM, which this project distils into for data
with masks alone, answers in one pass; here YOLOv8s-seg at 640 px. Both are PyTorch with random weights, so only times
are compared, those of the processor on one thread. What is measured of MobileSAM is less than it needs: timm's TinyViT
has its last stage at half the resolution, and what follows the decoder (raising masks to the image's size, dropping
duplicates) is left out.
"""

import argparse
import time
from collections.abc import Callable
from statistics import median

import timm
import torch
from rich.console import Console
from rich.table import Table
from segment_anything.modeling import MaskDecoder, PromptEncoder, TwoWayTransformer

from gsam_edge.students.ultralytics.network import new_network

SIDE, GRID, CELLS, CHANNELS = 1024, 32, 64, 256
POINTS = 64  # asked about at a time
STUDENT_SIDE = 640


def mobile_sam() -> tuple[Callable[[], object], Callable[[], object]]:
    """Returns what encodes an image, and what asks about some points of it."""
    encoder = timm.create_model("tiny_vit_5m_224", pretrained=False, features_only=True).eval()
    prompts = PromptEncoder(
        embed_dim=CHANNELS, image_embedding_size=(CELLS, CELLS), input_image_size=(SIDE, SIDE), mask_in_chans=16
    ).eval()
    transformer = TwoWayTransformer(depth=2, embedding_dim=CHANNELS, mlp_dim=2048, num_heads=8)
    decoder = MaskDecoder(transformer_dim=CHANNELS, transformer=transformer).eval()
    image, embedding = torch.rand(1, 3, SIDE, SIDE), torch.rand(1, CHANNELS, CELLS, CELLS)
    points = torch.rand(POINTS, 1, 2) * SIDE, torch.ones(POINTS, 1)

    def ask() -> object:
        sparse, dense = prompts(points=points, boxes=None, masks=None)
        return decoder(
            image_embeddings=embedding,
            image_pe=prompts.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=True,
        )

    return lambda: encoder(image), ask


def main() -> None:
    """Prints the seconds of each part and of all of it."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=2)
    rounds = arguments.parse_args().rounds
    torch.set_num_threads(1)
    torch.manual_seed(0)
    encode, ask = mobile_sam()
    student, image = new_network("fastsam", "s", 1).eval(), torch.rand(1, 3, STUDENT_SIDE, STUDENT_SIDE)
    parts = {"encoder": encode, "64 points": ask, "student": lambda: student(image)}
    taken: dict[str, list[float]] = {name: [] for name in parts}
    with torch.inference_mode():
        for number in range(rounds + 1):  # the first warms up
            for name, part in parts.items():
                start = time.process_time()
                part()
                if number:
                    taken[name].append(time.process_time() - start)
    seconds = {name: median(each) for name, each in taken.items()}
    everything = seconds["encoder"] + GRID**2 // POINTS * seconds["64 points"]
    table = Table("one image", "s", "x student")
    for name, value in (*seconds.items(), (f"everything, {GRID} x {GRID} points", everything)):
        table.add_row(name, f"{value:.2f}", f"{value / seconds['student']:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
