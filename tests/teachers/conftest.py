"""The COCO file made up in memory."""

from support.coco_files import content

__all__ = ["content"]
