"""Full-size teachers with random weights: speed and memory do not depend on the values."""

import torch
from transformers import BertTokenizer, GroundingDinoConfig, GroundingDinoImageProcessor, GroundingDinoProcessor

from gsam_edge.teachers.grounding_dino.library import TunableGroundingDino
from gsam_edge.teachers.grounding_dino.model import GroundingDino
from gsam_edge.teachers.grounding_dino.tiny import build_vocabulary
from gsam_edge.teachers.sam.architecture import PUBLISHED, build_sam
from gsam_edge.teachers.sam.model import SamModel


def grounding_dino_swin_t(
    shortest_edge: int = 800, longest_edge: int = 1333, words: tuple[str, ...] = ()
) -> GroundingDino:
    """Returns the architecture of `IDEA-Research/grounding-dino-tiny` (Swin-T, BERT base, 172 M parameters).

    Args:
        shortest_edge: pixels, an image is resized to it ...
        longest_edge: pixels, ... unless its longer side would exceed this.
        words: words of the class names, which the vocabulary of word pieces then spells.
    """
    torch.manual_seed(0)
    vocabulary = build_vocabulary(words)
    tokenizer = BertTokenizer(vocab={piece: index for index, piece in enumerate(vocabulary)}, do_lower_case=True)
    images = GroundingDinoImageProcessor(size={"shortest_edge": shortest_edge, "longest_edge": longest_edge})
    model = TunableGroundingDino(GroundingDinoConfig()).eval().requires_grad_(False)
    return GroundingDino(model, GroundingDinoProcessor(images, tokenizer), "grounding-dino-swin-t")


def sam(size: str) -> SamModel:
    """Returns a published size of SAM, "vit_b", "vit_l" or "vit_h"."""
    torch.manual_seed(0)
    return SamModel(build_sam(PUBLISHED[size]).requires_grad_(False), PUBLISHED[size], f"sam_{size}")
