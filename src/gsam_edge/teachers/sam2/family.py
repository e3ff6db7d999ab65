"""SAM 2 as a family of teachers."""

from typing import TYPE_CHECKING

from gsam_edge.teachers.outlining.family import OutlinerFamily

if TYPE_CHECKING:
    from gsam_edge.teachers.sam2.model import Sam2


class Sam2Family(OutlinerFamily):
    """Draws the mask of the object in each given box."""

    name = "sam2"
    title = "SAM 2"
    expects = "the folder of a SAM 2 as transformers saves it"
    advice = "docs/sam2_sam3.md says how to name one"

    def load(self, source: str, *, allow_download: bool) -> "Sam2":
        """See `load_sam2`."""
        from gsam_edge.teachers.sam2.model import load_sam2

        return load_sam2(source, allow_download=allow_download)
