"""Non-maximum suppression in operations of fixed shapes."""

import torch
from torch import Tensor

_BLOCK = 200  # boxes; the time of 1000 boxes and 20 rounds, a quarter of that of one block, is least around here


def suppress(boxes: Tensor, class_ids: Tensor, iou_threshold: float, iterations: int) -> Tensor:
    """Greedy non-maximum suppression within each class, without loops over boxes or shapes that depend on data.

    Greedy suppression is the one solution of "a box is kept if no better kept box of its class overlaps it". Starting
    with all boxes kept, round t of applying this rule settles every box that depends on a chain of t boxes. So the
    result equals greedy suppression as soon as `iterations` reaches the longest chain, and no longer changes.

    A block of boxes is settled before the next, which has less to do then: what earlier blocks keep is known, and pairs
    are looked at in one order only. A chain counts as far as it lies within one block.

    Args:
        boxes: corners [B, K, 4], best first; the canvas is 0..1, since areas in px² overflow half precision.
        class_ids: [B, K].
        iou_threshold: a box is dropped when its IoU with a better kept one of its class is above this.
        iterations: rounds for every block.

    Returns:
        [B, K] of the boxes' dtype, 1 for kept boxes and 0 for others.
    """
    sides = boxes.unbind(-1)
    rank = torch.arange(boxes.shape[1], device=boxes.device)
    settled: list[tuple[slice, Tensor]] = []
    for start in range(0, boxes.shape[1], _BLOCK):
        block = slice(start, min(start + _BLOCK, boxes.shape[1]))
        free = torch.ones_like(boxes[:, None, block, 0])  # [B, 1, block], 1 less the earlier boxes that drop each
        for earlier, kept in settled:
            free = free - torch.bmm(kept, _drops(sides, class_ids, earlier, block, iou_threshold))
        within = _drops(sides, class_ids, block, block, iou_threshold)
        within = within * (rank[block, None] < rank[None, block]).to(boxes.dtype)
        keep = free.relu()  # 1 where nothing drops it
        for _ in range(iterations):
            keep = (free - torch.bmm(keep, within)).relu()
        settled.append((block, keep))
    return torch.cat([keep[:, 0] for _, keep in settled], 1)


def _drops(sides: tuple[Tensor, ...], class_ids: Tensor, better: slice, worse: slice, iou_threshold: float) -> Tensor:
    """Tells of all pairs, [B, better, worse], whether they are of one class and their IoU is above the threshold.

    I / (A + B - I) > t is I > t / (1 + t) * (A + B) without the division. Every side of the boxes is a tensor [B, K] of
    its own: runtimes are slow where the last dimension has two elements.

    Returns:
        1 or 0, of the sides' dtype.
    """
    left, top, right, bottom = (side[:, better, None] for side in sides)
    other_left, other_top, other_right, other_bottom = (side[:, None, worse] for side in sides)
    width = torch.minimum(right, other_right) - torch.maximum(left, other_left)
    height = torch.minimum(bottom, other_bottom) - torch.maximum(top, other_top)
    share = iou_threshold / (1 + iou_threshold)
    area = (right - left) * (bottom - top) * share
    other_area = (other_right - other_left) * (other_bottom - other_top) * share
    # where the heights do not meet, the product is at most 0, which is no more than two areas
    overlapping = width.relu() * height > area + other_area
    return (overlapping & (class_ids[:, better, None] == class_ids[:, None, worse])).to(sides[0].dtype)
