"""Where the files of exported students lie."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from gsam_edge.export.table import FORMATS


@dataclass(frozen=True)
class ArtefactFiles:
    """The files of a model's exports, each a file or a folder of versions as Kedro writes it.

    Attributes:
        stem: what all their paths begin with; its last part is the model's name.
    """

    stem: Path

    def find(self, artefact: str, digest: str) -> Path | None:
        """Returns the newest file of an artefact that has this content, within the working folder where it lies there.

        Args:
            artefact: its catalog name, the model's and the format's.
            digest: SHA-256 of the content.
        """
        path = Path(f"{self.stem}{FORMATS[artefact.removeprefix(f'{self.stem.name}_')].suffix}")
        versions = sorted(path.iterdir(), reverse=True) if path.is_dir() else []
        for file in [version / path.name for version in versions] or [path]:
            if file.is_file():
                with file.open("rb") as stream:
                    found = hashlib.file_digest(stream, "sha256").hexdigest()
                if found == digest:
                    here = Path.cwd()
                    return file.relative_to(here) if file.is_relative_to(here) else file
        return None
