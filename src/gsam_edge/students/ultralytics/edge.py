"""The module to export: from an image tensor to final detections, in operations that every runtime supports."""

from typing import Any

import torch
from torch import Tensor, nn

from gsam_edge.runtime.decode import Decoding
from gsam_edge.students.choice import EdgeConfig
from gsam_edge.students.ultralytics.architectures import ARCHITECTURES
from gsam_edge.students.ultralytics.imports import Proto26
from gsam_edge.students.ultralytics.network import build_network, has_end_to_end
from gsam_edge.students.weights import StudentWeights

_MASK_STRIDE = 4  # of all prototypes


class EdgeStudent(nn.Module):
    """A network followed by decoding, suppression and padding; all shapes are fixed.

    An end-to-end network (YOLOv10, YOLO26) finds each object once, so nothing is suppressed.

    Input: images float32 [B, 3, S, S], RGB in 0..1, letterboxed; S is `image_size`.

    Outputs, N = `max_detections`, best first, padded with score 0, class 0 and an empty box:
        boxes: float32 [B, N, 4], corners in pixels of the input canvas.
        scores: float32 [B, N] in 0..1.
        class_ids: int64 [B, N].
        masks: float32 [B, N, S/4, S/4], probabilities, 0 outside the box; only where the network has masks.
    """

    def __init__(self, weights: StudentWeights) -> None:
        """Builds the network, with its normalisation folded into its convolutions."""
        super().__init__()
        network = build_network(weights)
        end_to_end = has_end_to_end(network)
        network.model[-1].end2end = end_to_end  # which branch of its last layer `fuse` leaves
        network.fuse(verbose=False)
        self.network = RawNetwork(network)
        self.head = EdgeHead(
            weights.image_size,
            network.stride.tolist(),
            network.model[-1].reg_max,
            weights.edge,
            suppressed=not end_to_end,
        )
        self.decoding = Decoding(
            strides=tuple(int(stride) for stride in network.stride.tolist()),
            bins=network.model[-1].reg_max,
            candidates=weights.edge.candidates,
            max_detections=weights.edge.max_detections,
            iou_threshold=weights.edge.iou_threshold,
            score_floor=weights.edge.score_floor,
            suppressed=not end_to_end,
            masks=ARCHITECTURES[weights.architecture].masks,
        )  # for backends that run the network alone
        self.eval()

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """See the class."""
        return self.head(*self.network(images))


class RawNetwork(nn.Module):
    """An Ultralytics network up to its raw outputs, before decoding."""

    def __init__(self, network: Any) -> None:
        """Takes over the network's layers."""
        super().__init__()
        self.layers = network.model
        self._kept = frozenset(network.save)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Maps images [B, 3, S, S] to box distributions [B, 4 R, A], class logits [B, C, A] and, with masks,
        coefficients [B, M, A] and prototypes [B, M, S/4, S/4]; A anchors over all levels.

        Of an end-to-end network they are those of the branch that finds each object once.
        """
        *body, head = self.layers
        kept: list[Tensor | None] = []
        x: Any = images
        for layer in body:
            x = layer(self._inputs(layer.f, x, kept))
            kept.append(x if layer.i in self._kept else None)
        features = self._inputs(head.f, x, kept)
        raw = head.forward_head(features, **(head.one2one if head.end2end else head.one2many))
        if "mask_coefficient" not in raw:
            return raw["boxes"], raw["scores"]
        # YOLO26's prototypes are made of all levels, those of its elders of the finest
        prototypes = head.proto(features if isinstance(head.proto, Proto26) else features[0])
        return raw["boxes"], raw["scores"], raw["mask_coefficient"], prototypes

    @staticmethod
    def _inputs(source: int | list[int], previous: Any, kept: list[Tensor | None]) -> Any:
        """Returns a layer's inputs: -1 is the layer before, other numbers are layers by index."""
        if isinstance(source, int):
            return previous if source == -1 else kept[source]
        return [previous if index == -1 else kept[index] for index in source]


class EdgeHead(nn.Module):
    """Turns raw outputs into final detections, see `EdgeStudent`."""

    centres: Tensor
    steps: Tensor
    distances: Tensor
    pixels: Tensor

    def __init__(
        self, image_size: int, strides: list[float], bins: int, config: EdgeConfig, *, suppressed: bool
    ) -> None:
        """Computes the anchors: one in the middle of every cell of every level.

        Args:
            image_size: side of the canvas in pixels.
            strides: sides of the levels' cells in pixels.
            bins: of the distribution of a distance; 1 where the network says the distance itself.
            config: suppression and padding.
            suppressed: whether several boxes of an object are to be expected, so that all but the best are dropped.
        """
        super().__init__()
        self._config = config
        self._suppressed = suppressed
        self._bins = bins
        centres, steps = [], []
        for stride in strides:
            axis = (torch.arange(image_size // int(stride)) + 0.5) * stride
            y, x = torch.meshgrid(axis, axis, indexing="ij")
            centres.append(torch.stack([x, y], -1).reshape(-1, 2))
            steps.append(torch.full((len(axis) ** 2, 1), float(stride)))
        self.register_buffer("centres", torch.cat(centres), persistent=False)  # [A, 2] pixels
        # a small canvas has fewer anchors than asked for
        self._candidates = min(config.candidates, len(self.centres))
        self._answers = min(config.max_detections, self._candidates)
        self.register_buffer("steps", torch.cat(steps), persistent=False)  # [A, 1] pixels per bin
        self.register_buffer("distances", torch.arange(bins, dtype=torch.float32), persistent=False)
        pixels = torch.arange(image_size // _MASK_STRIDE, dtype=torch.float32)
        self.register_buffer("pixels", pixels, persistent=False)

    def forward(
        self,
        distributions: Tensor,
        logits: Tensor,
        coefficients: Tensor | None = None,
        prototypes: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        """See `RawNetwork.forward` for the arguments and `EdgeStudent` for the outputs."""
        config = self._config
        scores, class_ids = logits.sigmoid().max(1)  # [B, A]
        scores, order = scores.topk(self._candidates)
        class_ids = class_ids.gather(1, order)
        boxes = _gather(self._decode(distributions), order)  # [B, K, 4]
        kept_scores = scores * (scores > config.score_floor)
        if self._suppressed:
            kept_scores = kept_scores * suppress(boxes, class_ids, config.iou_threshold, config.nms_iterations)

        best, chosen = kept_scores.topk(self._answers)
        there = best > 0
        outputs = [
            _gather(boxes, chosen) * there[..., None],
            best,
            class_ids.gather(1, chosen) * there,
        ]
        if coefficients is not None and prototypes is not None:
            weights = _gather(_gather(coefficients.transpose(1, 2), order), chosen)
            outputs.append(self._masks(weights, prototypes, outputs[0]))
        return tuple(_pad(output, config.max_detections - self._answers) for output in outputs)

    def _decode(self, distributions: Tensor) -> Tensor:
        """Returns box corners [B, A, 4] from distances to the four sides, or distributions over them.

        The distance is the mean of the distribution (DFL, arXiv:2006.04388).
        """
        batch, _, anchors = distributions.shape
        sides = distributions.transpose(1, 2)  # [B, A, 4 R]
        if self._bins > 1:
            per_side = sides.reshape(batch, anchors, 4, self._bins)
            sides = (per_side.softmax(-1) * self.distances).sum(-1)
        sides = sides * self.steps  # left, top, right, bottom in pixels
        return torch.cat([self.centres - sides[..., :2], self.centres + sides[..., 2:]], -1)

    def _masks(self, coefficients: Tensor, prototypes: Tensor, boxes: Tensor) -> Tensor:
        """Returns probabilities [B, N, h, w] from coefficients [B, N, M] and prototypes [B, M, h, w], 0 outside boxes.

        One prototype pixel around the box is kept, so that a bilinear resize that is read inside the box alone does not
        fade towards the box's edge.
        """
        height, width = prototypes.shape[2:]
        batch, count = coefficients.shape[:2]
        logits = torch.bmm(coefficients, prototypes.flatten(2)).reshape(batch, count, height, width)
        left, top, right, bottom = (boxes[..., side, None] / _MASK_STRIDE for side in range(4))  # [B, N, 1]
        columns = (self.pixels > left - 2) & (self.pixels < right + 1)  # [B, N, w]
        lines = (self.pixels > top - 2) & (self.pixels < bottom + 1)
        there = (boxes[..., 2:] > boxes[..., :2]).all(-1)[..., None]
        return logits.sigmoid() * (columns & there)[:, :, None, :] * lines[..., None]


def suppress(boxes: Tensor, class_ids: Tensor, iou_threshold: float, iterations: int) -> Tensor:
    """Greedy non-maximum suppression within each class, without loops over boxes or shapes that depend on data.

    Greedy suppression is the one solution of "a box is kept if no better kept box of its class overlaps it". Starting
    with all boxes kept, round t of applying this rule settles every box that depends on a chain of t boxes. So the
    result equals greedy suppression as soon as `iterations` reaches the longest chain, and no longer changes.

    Args:
        boxes: corners [B, K, 4], best first.
        class_ids: [B, K].
        iou_threshold: a box is dropped when its IoU with a better kept one of its class is above this.
        iterations: rounds.

    Returns:
        float32 [B, K], 1 for kept boxes and 0 for others.
    """
    area = (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
    top_left = torch.maximum(boxes[:, :, None, :2], boxes[:, None, :, :2])
    bottom_right = torch.minimum(boxes[:, :, None, 2:], boxes[:, None, :, 2:])
    overlap = (bottom_right - top_left).clamp(min=0).prod(-1)
    union = area[:, :, None] + area[:, None, :] - overlap
    same_class = class_ids[:, :, None] == class_ids[:, None, :]
    rank = torch.arange(boxes.shape[1], device=boxes.device)
    drops = ((overlap > iou_threshold * union) & same_class & (rank[:, None] < rank[None, :])).float()
    keep = torch.ones_like(area)
    for _ in range(iterations):
        keep = (torch.bmm(keep[:, None], drops)[:, 0] < 0.5).float()
    return keep


def _gather(rows: Tensor, index: Tensor) -> Tensor:
    """Selects rows of [B, A, C] by index [B, K]: [B, K, C]."""
    return rows.gather(1, index[..., None].expand(-1, -1, rows.shape[-1]))


def _pad(output: Tensor, padding: int) -> Tensor:
    """Appends `padding` rows of zeros to [B, N - padding, ...]."""
    if padding == 0:
        return output
    return torch.cat([output, output.new_zeros((output.shape[0], padding, *output.shape[2:]))], 1)
