"""Parameters of the processes that run a model on many items."""

from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

EngineName: TypeAlias = Literal["local", "ray"]


class WorkersConfig(BaseModel):
    """How many processes run the model, and who starts them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine: EngineName = Field(
        description="local: processes of this machine; ray: actors of Ray, on this machine or on those of the cluster "
        "that RAY_ADDRESS names (extra [ray])"
    )
    count: int = Field(
        gt=0, description="processes, each with a model of its own; with engine local, 1 is this process itself"
    )
