"""The possible faults of a COCO file and the policies allowed for each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, field_validator

from gsam_edge.vision.text import MOST_NAME

Severity: TypeAlias = Literal["error", "warning", "info"]
Policy: TypeAlias = Literal["error", "drop", "fix", "keep"]


@dataclass(frozen=True)
class Check:
    """One kind of fault: its severity, the allowed policies (the default first) and its meaning."""

    severity: Severity
    policies: tuple[Policy, ...]
    meaning: str


#: Policies of what is found of a file as a whole: by default it ends the run; `fix` reads the file as it was meant.
_WHOLE: tuple[Policy, ...] = ("error", "fix", "keep")

CHECKS: Mapping[str, Check] = {
    "coordinates_as_shares": Check(
        "error", _WHOLE, "all boxes, or all polygons, look like shares (0 to 1) or percentages of the image"
    ),
    "boxes_as_corners": Check(
        "error", _WHOLE, "all boxes look like left, top, right, bottom; COCO has width and height"
    ),
    "boxes_as_centres": Check("error", _WHOLE, "all boxes begin at what looks like their centre, not at left and top"),
    "boxes_mirrored": Check("error", _WHOLE, "all boxes count y from the image's bottom, if their masks are right"),
    "boxes_from_one": Check("error", _WHOLE, "all boxes count pixels from 1; COCO counts from 0"),
    "image_sizes_swapped": Check("error", _WHOLE, "all images are declared with width and height exchanged"),
    "images_turned": Check(
        "error", _WHOLE, "declared in the size before the image was turned; fix turns the annotations as EXIF says"
    ),
    "image_ids_shifted": Check(
        "error", ("error", "keep"), "every image_id misses by one: labels of the image beside it"
    ),
    "category_ids_shifted": Check("error", ("error", "keep"), "every category_id misses by one: the class beside it"),
    "many_crowds": Check(
        "warning",
        ("keep", "fix", "error"),
        "iscrowd is 1: these teach nothing and are not measured. A mask tool (CVAT's "
        "brush) may have written it: if each is one object, validation.policies.many_crowds=fix makes them objects",
    ),
    "category_malformed": Check("error", ("drop", "error"), "a category without a whole-number id or without a name"),
    "category_id_conflict": Check("error", ("error",), "one category id with two names"),
    "category_same_name": Check("warning", ("fix", "error"), "a category named like an earlier one, merged into it"),
    "category_name_alike": Check(
        "warning", ("keep", "fix", "error"), "a name that reads like an earlier one: capitals, blanks, signs unseen"
    ),
    "category_name_control": Check(
        "warning", ("fix", "error"), "a category name with control characters; they become symbols, such as ␛"
    ),
    "category_name_long": Check(
        "warning", ("fix", "error"), f"a category name of over {MOST_NAME} characters, cut off"
    ),
    "category_name_not_text": Check("info", ("fix", "error"), "a category name that is a number; read as text"),
    "category_unused": Check("info", ("drop", "keep", "error"), "a category without annotations"),
    "image_malformed": Check("error", ("drop", "error"), "an image without a whole-number id or a usable file_name"),
    "image_path_unsafe": Check("error", ("drop", "error"), "a file_name that is absolute or climbs with '..'"),
    "image_id_conflict": Check("error", ("drop", "error"), "one image id for several files: whose annotations?"),
    "image_listed_twice": Check("warning", ("drop", "error"), "a file listed again; its annotations join the first"),
    "image_missing": Check("error", ("drop", "error"), "no such file in the dataset's folder"),
    "image_name_spelled_otherwise": Check(
        "warning",
        ("fix", "drop", "error"),
        "a file_name in another spelling than the file's, whose name is taken",
    ),
    "image_unreadable": Check("error", ("drop", "error"), "a file that is no complete image, too large or refused"),
    "image_dark_16_bit": Check(
        "warning", ("keep", "error"), "16 bits a channel, all below a sixteenth of white: 12 bits stored in 16?"
    ),
    "image_size_missing": Check("warning", ("fix", "drop", "error"), "no usable width and height; read from the file"),
    "image_size_mismatch": Check(
        "error", ("drop", "fix", "error"), "declared in another size than the file has; its coordinates are in doubt"
    ),
    "image_without_annotations": Check("info", ("keep", "drop", "error"), "an image on which nothing is annotated"),
    "labels_lost": Check(
        "error", ("drop", "keep", "error"), "an image whose annotations were all dropped: kept, it would pass for empty"
    ),
    "masks_gone": Check("error", ("error", "keep"), "the file has masks, none can be used: boxes alone are learnt"),
    "boxes_gone": Check("error", ("error", "keep"), "the file has boxes, none can be used: masks alone are learnt"),
    "annotation_malformed": Check("error", ("drop", "error"), "an annotation without a usable image or category id"),
    "annotation_of_dropped_image": Check("error", ("drop", "error"), "an annotation whose image was dropped"),
    "annotation_of_unknown_image": Check("error", ("drop", "error"), "an annotation of an image that is not listed"),
    "annotation_of_unknown_category": Check("error", ("drop", "error"), "an annotation of a category not listed"),
    "annotation_duplicate": Check(
        "warning", ("drop", "keep", "error"), "the same object, labelled twice in all detail"
    ),
    "annotation_moved": Check("info", ("fix", "error"), "its image or category was merged into another, so it moved"),
    "annotation_id_missing": Check("warning", ("fix", "drop", "error"), "an annotation without an id; given a new one"),
    "annotation_id_duplicate": Check("warning", ("fix", "drop", "error"), "an id used again; given a new one"),
    "annotation_without_shape": Check("error", ("drop", "error"), "neither a usable box nor a usable mask is there"),
    "id_not_integer": Check("info", ("fix", "error"), "a whole-number id written as text or as a float"),
    "id_renumbered": Check("info", ("fix", "error"), "an id that is a word, or a reference to one; numbered anew"),
    "number_as_text": Check(
        "info", ("fix", "error"), "numbers of a size, box, mask or area as text, or of an RLE as floats"
    ),
    "iscrowd_not_integer": Check("info", ("fix", "error"), "iscrowd not 0 or 1: true is 1, anything else unreadable 0"),
    "box_malformed": Check("error", ("fix", "drop", "error"), "a bbox that is not four finite numbers; taken away"),
    "box_without_size": Check("error", ("fix", "drop", "error"), "a bbox without width or height; taken away"),
    "box_off_image": Check("error", ("fix", "drop", "error"), "a bbox wholly outside its image; taken away"),
    "box_outside": Check("warning", ("fix", "keep", "drop", "error"), "a bbox partly outside its image, clipped"),
    "segmentation_empty": Check("info", ("keep", "drop", "error"), "an empty segmentation: no mask"),
    "segmentation_blank": Check(
        "info", ("fix", "drop", "error"), "a segmentation without any number, such as [[]]: no mask; taken away"
    ),
    "segmentation_malformed": Check("error", ("fix", "drop", "error"), "neither polygons nor RLE; taken away"),
    "polygon_malformed": Check(
        "error", ("fix", "drop", "error"), "a polygon with under three points or other than finite pairs; taken away"
    ),
    "polygon_in_other_layout": Check(
        "warning",
        ("fix", "drop", "error"),
        "a mask in another layout (a flat polygon, points as pairs or x and y, an RLE in a list); read in COCO's",
    ),
    "polygon_outside": Check("warning", ("fix", "drop", "error"), "a polygon beyond its image, clipped"),
    "rle_malformed": Check("error", ("fix", "drop", "error"), "an RLE of another size or with damaged counts"),
    "mask_empty": Check("error", ("fix", "drop", "error"), "a mask that covers no pixel of its image; taken away"),
    "area_malformed": Check("warning", ("fix", "error"), "an area that is no finite number from 0 on; computed anew"),
    "area_mismatch": Check(
        "warning", ("fix", "keep", "error"), "an area unlike its mask's (by pixels or outline) or box's"
    ),
}


class ValidationConfig(BaseModel):
    """Settings for checking a COCO file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    decode_images: bool = Field(description="decode every image, which finds truncated ones; else only read its header")
    area_tolerance: float = Field(ge=0, description="an area may differ from its mask's by this share of it")
    largest_crowd_share: float = Field(
        ge=0, le=1, description="share of the annotations from which on crowds (iscrowd 1) are reported"
    )
    max_examples: int = Field(ge=0, description="how many cases of each finding are written out")
    policies: dict[str, Policy] = Field(description="what to do about a finding, by code, where not the default")

    @field_validator("policies")
    @classmethod
    def _known(cls, policies: dict[str, Policy]) -> dict[str, Policy]:
        return known_policies(policies, CHECKS)


def known_policies(policies: dict[str, Policy], checks: Mapping[str, Check]) -> dict[str, Policy]:
    """Returns the policies unchanged. Raises ValueError where a code is unknown or its check forbids the policy."""
    for code, policy in policies.items():
        if code not in checks:
            raise ValueError(f"expected codes of {sorted(checks)}, got {code!r}")
        if policy not in checks[code].policies:
            raise ValueError(f"{code}: expected one of {', '.join(checks[code].policies)}, got {policy!r}")
    return policies
