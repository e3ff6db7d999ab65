"""Images and COCO files made up in memory, and the real datasets beside the repository."""

from support.coco_files import config, configure, content, files, is_equal, real

__all__ = ["config", "configure", "content", "files", "is_equal", "real"]
