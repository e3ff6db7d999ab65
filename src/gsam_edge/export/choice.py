"""Which formats the student is exported to."""

from difflib import get_close_matches
from typing import Any

from pydantic import Field, RootModel, field_validator

from gsam_edge.export.format import MODULE
from gsam_edge.export.table import FORMATS, REFERENCE


class FormatChoice(RootModel[tuple[str, ...]], frozen=True):
    """The formats that are asked for: names of `export.table.FORMATS`, or one text that joins them by "+".

    Kedro splits `--params` at every comma, so that no list can be given there.
    """

    root: tuple[str, ...] = Field(min_length=1)

    @field_validator("root", mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        return value.split("+") if isinstance(value, str) else value

    @field_validator("root")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in FORMATS:
                near = get_close_matches(name, FORMATS, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(FORMATS)}"
                raise ValueError(f"no format is called {name!r}; {hint}")
        return names

    def built(self) -> frozenset[str]:
        """Returns what is built: what is asked for, `REFERENCE`, and what these are made from."""
        names, wanted = {*self.root, REFERENCE}, set[str]()
        while names:
            name = names.pop()
            wanted.add(name)
            names |= {FORMATS[name].source} - {MODULE}
        return frozenset(wanted)
