"""A student with weights set by hand, whose answers can be told by looking, and images for it."""

import numpy as np
import torch
from torch import nn

from gsam_edge.runtime import Card

SIZE = 64
CLASS_NAMES = ("red blob", "green blob")
CARD = Card("detect", CLASS_NAMES, SIZE, "blob", "0.1.0")


class BlobStudent(nn.Module):
    """Finds the five brightest red or green cells of 4 x 4 pixels; a box of 16 pixels around each."""

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.means = nn.Conv2d(3, 8, 4, stride=4)  # channel c of the first three: the cell's mean of colour c
        self.logits = nn.Conv2d(8, 2, 1)
        with torch.no_grad():
            self.means.weight.copy_(torch.randn(8, 3, 4, 4, generator=generator) * 0.02)
            self.means.bias.zero_()
            self.logits.weight.copy_(torch.randn(2, 8, 1, 1, generator=generator) * 0.02)
            self.logits.bias.fill_(-5)
            for colour in range(3):
                self.means.weight[colour] = 0
                self.means.weight[colour, colour] = 4 / 16
            self.logits.weight[0, 0] = self.logits.weight[1, 1] = 3

    def forward(self, images):
        maps = self.logits(nn.functional.silu(self.means(images)))  # [B, 2, 16, 16]
        batch, _, height, width = maps.shape
        scores, class_ids = maps.flatten(2).sigmoid().max(1)
        scores, cells = scores.topk(5)
        centres = torch.stack([cells % width, cells // width], -1).float() * 4 + 2
        class_ids = class_ids.gather(1, cells)
        rows = class_ids[..., None].expand(-1, -1, height * width)
        masks = maps.flatten(2).gather(1, rows).sigmoid().reshape(batch, 5, height, width)
        return torch.cat([centres - 8, centres + 8], -1), scores * (scores > 0.1), class_ids, masks


def blob_canvas(*blobs):
    """float32 [1, 3, 64, 64] with a full-intensity cell per (colour channel, cell x, cell y) on dark noise."""
    canvas = np.random.default_rng(0).random((1, 3, SIZE, SIZE), np.float32) * 0.2
    for channel, x, y in blobs:
        canvas[0, channel, y * 4 : y * 4 + 4, x * 4 : x * 4 + 4] = 1
    return canvas
