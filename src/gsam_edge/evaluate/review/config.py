"""Settings of the review and of the choice of images to label next."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class ReviewConfig(BaseModel):
    """Which labels are put before a person."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    count: int = Field(gt=0, description="images that are put before a person, the most doubtful first")
    wrong_labels: float = Field(
        gt=0, lt=0.5, description="share of the labels that are wrong, as far as known before anybody has looked"
    )
    least_belief: float = Field(ge=0, le=1, description="labels that are doubted less are no candidates")
    looked_at: int = Field(ge=0, description="most images of the training split that the student looks at; 0: none")
    drawn: int = Field(gt=0, description="of the images, how many the plot shows, two in a row")
    image_width: int = Field(gt=0, description="pixels, of one image of a drawing with its margin")


class ImportReviewConfig(BaseModel):
    """How corrections are taken back."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    new_classes: Literal["error", "keep"] = Field(
        description="a class that the dataset does not have, often one that was misspelt: error ends the import, keep "
        "adds it, and every model has to be trained anew"
    )
    same_iou: float = Field(
        gt=0, le=1, description="IoU from which a box or mask counts as unchanged: tools round coordinates"
    )
    match_iou: float = Field(
        ge=0, le=1, description="IoU from which a changed object is still the same one, where ids were lost"
    )


class NextToLabelConfig(BaseModel):
    """Which unlabelled images are proposed to be labelled first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    count: int = Field(gt=0, description="images that are proposed, in the order in which to label them")
    looked_at: int = Field(ge=0, description="most images that are looked at, drawn by the seed; 0: none is proposed")
    disagreement: float = Field(
        ge=0,
        description="weight of the objects that student and teacher disagree on, against those of which the "
        "student is unsure",
    )
    shortlist: float = Field(
        ge=1, description="times `count` images that tell most; of them those are taken that differ most"
    )
    drawn: int = Field(gt=0, description="of the images, how many the plot shows")
    image_width: int = Field(gt=0, description="pixels, of one image of the plot")
