"""An artefact, or the reason why there is none."""

import logging
from typing import Any

from pydantic import BaseModel

from gsam_edge.export.format import BuildData, Format, NotBuilt, StudentModule

logger = logging.getLogger(__name__)


def build_artefact(
    target: Format[Any, Any], source: StudentModule | bytes | NotBuilt, data: BuildData, config: BaseModel
) -> bytes | NotBuilt:
    """A student in one format; where that cannot be made on this machine, the log says why, and so does the value.

    Args:
        target: the format.
        source: as `target.source` says.
        data: what the format may look at.
        config: of the class `target.config`.
    """
    if isinstance(source, NotBuilt):
        return _not_built(target, f"it is made from {target.source}, which was not built: {source.why}")
    try:
        return target.build(source, data, config)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] == "gsam_edge":
            raise
        return _not_built(target, f"the package {error.name} is not installed; {target.install}")


def _not_built(target: Format[Any, Any], why: str) -> NotBuilt:
    logger.warning("the format %s is not built: %s", target.name, why)
    return NotBuilt(why)
