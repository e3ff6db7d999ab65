"""From a network's raw outputs to final detections."""

import torch
from torch import Tensor, nn

from gsam_edge.students.choice import EdgeConfig
from gsam_edge.students.ultralytics.edge.suppression import suppress

_MASK_STRIDE = 4  # of all prototypes


class EdgeHead(nn.Module):
    """Turns raw outputs into final detections, see `EdgeStudent`.

    The best candidates are chosen by their logits first, so that only they are decoded.
    """

    anchors: Tensor
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
        self._image_size = image_size
        self._suppressed = suppressed
        self._bins = bins
        anchors = []
        for stride in strides:
            axis = (torch.arange(image_size // int(stride)) + 0.5) * stride
            y, x = torch.meshgrid(axis, axis, indexing="ij")
            anchors.append(torch.stack([x, y, torch.full_like(x, stride)], -1).reshape(-1, 3))
        # [A, 3]: x and y of the centre, and pixels per bin
        self.register_buffer("anchors", torch.cat(anchors), persistent=False)
        # a small canvas has fewer anchors than asked for
        self._candidates = min(config.candidates, len(self.anchors))
        self._answers = min(config.max_detections, self._candidates)
        self.register_buffer("distances", torch.arange(bins, dtype=torch.float32)[:, None], persistent=False)
        pixels = torch.arange(image_size // _MASK_STRIDE, dtype=torch.float32)
        self.register_buffer("pixels", pixels, persistent=False)
        self.decoded = nn.Identity()  # the end of a stage, see `EdgeStudent.stages`

    def forward(
        self,
        distributions: Tensor,
        logits: Tensor,
        coefficients: Tensor | None = None,
        prototypes: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        """See `RawNetwork.forward` for the arguments and `EdgeStudent` for the outputs."""
        config = self._config
        best_logits, order = logits.amax(1).topk(self._candidates)  # [B, K]
        class_ids = _columns(logits, order).argmax(1)
        boxes = self.decoded(self._decode(_columns(distributions, order), order))  # [B, K, 4]
        scores = best_logits.sigmoid()
        scores = scores * (scores > config.score_floor)
        if self._suppressed:
            scores = scores * suppress(boxes / self._image_size, class_ids, config.iou_threshold, config.nms_iterations)

        best, chosen = scores.topk(self._answers)
        there = best > 0
        outputs = [
            boxes.gather(1, chosen[..., None].expand(-1, -1, 4)) * there[..., None],
            best,
            class_ids.gather(1, chosen) * there,
        ]
        if coefficients is not None and prototypes is not None:
            weights = _columns(coefficients, order.gather(1, chosen)).transpose(1, 2)
            outputs.append(self._masks(weights, prototypes, outputs[0]))
        return tuple(_pad(output, config.max_detections - self._answers) for output in outputs)

    def _decode(self, distributions: Tensor, order: Tensor) -> Tensor:
        """Returns box corners [B, K, 4] in pixels of the anchors `order` [B, K].

        The distributions [B, 4 R, K] are over the distances to the four sides, in cells. A distance is the mean of its
        distribution (DFL, arXiv:2006.04388).
        """
        sides = distributions  # left, top, right, bottom
        if self._bins > 1:
            per_side = distributions.reshape(-1, 4, self._bins, distributions.shape[2])
            sides = (per_side.softmax(2) * self.distances).sum(2)
        anchors = self.anchors[order].transpose(1, 2)  # [B, 3, K]
        sides = sides * anchors[:, 2:]
        centres = anchors[:, :2]
        return torch.cat([centres - sides[:, :2], centres + sides[:, 2:]], 1).transpose(1, 2)

    def _masks(self, coefficients: Tensor, prototypes: Tensor, boxes: Tensor) -> Tensor:
        """Returns probabilities [B, N, h, w] from coefficients [B, N, M] and prototypes [B, M, h, w], 0 outside boxes.

        One prototype pixel around the box is kept, so that a bilinear resize that is read inside the box alone does not
        fade towards the box's edge.
        """
        side = len(self.pixels)
        logits = torch.bmm(coefficients, prototypes.flatten(2)).reshape(-1, coefficients.shape[1], side, side)
        left, top, right, bottom = (boxes[..., side, None] / _MASK_STRIDE for side in range(4))  # [B, N, 1]
        columns = (self.pixels > left - 2) & (self.pixels < right + 1)  # [B, N, w]
        lines = (self.pixels > top - 2) & (self.pixels < bottom + 1)
        there = (boxes[..., 2:] > boxes[..., :2]).all(-1)[..., None]
        return logits.sigmoid() * (columns & there)[:, :, None, :] * lines[..., None]


def _columns(maps: Tensor, index: Tensor) -> Tensor:
    """Selects columns of [B, C, A] by index [B, K]: [B, C, K]."""
    return maps.gather(2, index[:, None].expand(-1, maps.shape[1], -1))


def _pad(output: Tensor, padding: int) -> Tensor:
    """Appends `padding` rows of zeros to [B, N - padding, ...]."""
    if padding == 0:
        return output
    return torch.cat([output, output.new_zeros((output.shape[0], padding, *output.shape[2:]))], 1)
