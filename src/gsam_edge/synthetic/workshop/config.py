"""Limits of the workshop."""

from pydantic import BaseModel, ConfigDict, Field

from gsam_edge.synthetic.workshop.optics import OpticsConfig


class WorkshopConfig(BaseModel):
    """What the workshop may draw."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    image_size: int = Field(ge=64, description="side of the square image, pixels")
    min_objects: int = Field(ge=1, description="fewest objects asked for; crowded images may hold fewer")
    max_objects: int = Field(ge=1, description="most objects of an image")
    min_extent: float = Field(gt=0, le=1, description="smallest object, fraction of the image's side")
    max_extent: float = Field(gt=0, le=0.7, description="largest object, fraction of the image's side")
    max_flaw_extent: float = Field(gt=0, le=1, description="largest mark (stain, crack ...), fraction of the side")
    part_probability: float = Field(ge=0, le=1, description="share of objects that are parts")
    flaw_probability: float = Field(ge=0, le=1, description="share of objects that are marks")
    look_alike_probability: float = Field(
        ge=0, le=1, description="share of objects that differ from an earlier one in a single attribute"
    )
    min_visible: float = Field(
        gt=0, le=1, description="an object is only placed where this share of every object stays visible"
    )
    texture_probability: float = Field(ge=0, le=1, description="share of shapes with a texture")
    colour_word_probability: float = Field(ge=0, le=1, description="share of images whose phrases name colours")
    texture_word_probability: float = Field(ge=0, le=1, description="share of images whose phrases name textures")
    direction_word_probability: float = Field(ge=0, le=1, description="share of images whose phrases name directions")
    count_word_probability: float = Field(
        ge=0, le=1, description="share of images whose phrases count holes, slots ..."
    )
    shadow_probability: float = Field(ge=0, le=1, description="share of images with soft shadows")
    relief_probability: float = Field(ge=0, le=1, description="share of images whose objects are lit as solids")
    max_cushions: int = Field(ge=0, description="most nameless filled things beneath the objects")
    roller_probability: float = Field(ge=0, le=1, description="share of images with a roller before the camera")
    optics: OpticsConfig = Field(description="light and camera")
