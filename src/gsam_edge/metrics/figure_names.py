"""Accuracy figures in words."""

_WORDS = {
    "map50_95": "mAP50-95",
    "map50": "mAP50",
    "map75": "mAP75",
    "map_small": "mAP50-95 of small objects",
    "map_medium": "mAP50-95 of medium objects",
    "map_large": "mAP50-95 of large objects",
    "mar_1": "recall of one detection an image",
    "mar_10": "recall of ten detections an image",
    "mar_100": "recall of all detections",
    "mar_small": "recall of small objects",
    "mar_medium": "recall of medium objects",
    "mar_large": "recall of large objects",
}
_OTHERS = {
    "mask_iou": "mask IoU",
    "f1": "F1",
    "ece": "calibration error",
    "false_alarms_per_100_images": "false alarms per 100 images",
}


def in_words(figure: str) -> str:
    """Returns a name of `Accuracy.figures` in words, "box_map50" as "box mAP50"."""
    kind, _, name = figure.partition("_")
    return f"{kind} {_WORDS[name]}" if name in _WORDS else _OTHERS.get(figure, figure)
