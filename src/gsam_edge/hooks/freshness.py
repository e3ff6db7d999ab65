"""Checks under `--only-missing-outputs` that stored results are not older than what they were made from."""

from datetime import datetime
from pathlib import Path
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.io import AbstractVersionedDataset, DataCatalog, DatasetError
from kedro.pipeline import Pipeline

from gsam_edge.hooks.inputs import SPLITS

_REMEDY = "run without --only-missing-outputs, or begin with --from-nodes=<step>.<node>"

#: Inputs whose time is not compared: the user's file is compared by content, in the splits.
GIVEN = ("raw_annotations",)


class FreshnessHooks:
    """Refuses to skip a node whose stored result is out of date."""

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Checks stored splits and results, if only missing outputs are asked for.

        Raises:
            DatasetError: if a stored split is not of this dataset, or a stored result is older than what it is made
                from.
        """
        if not run_params.get("only_missing_outputs"):
            return
        stored = {name for name in pipeline.datasets() if _is_file(catalog, name) and catalog.exists(name)}
        for name in sorted(stored & set(SPLITS)):
            if catalog["raw_annotations"].digest() != catalog.load(name).source:
                raise DatasetError(f"{name}: expected a split of this dataset, got one of another; {_REMEDY}")
        changed = {name: _changed(catalog, name) for name in stored.difference(GIVEN)}
        for node in pipeline.nodes:
            for made in stored & set(node.outputs):
                for source in sorted(changed.keys() & set(node.inputs)):
                    if changed[source] > changed[made]:
                        raise DatasetError(
                            f"{made} (written {_when(changed[made])}): expected one made from the present {source}, "
                            f"which was written later ({_when(changed[source])}); {_REMEDY}"
                        )


def _is_file(catalog: DataCatalog, name: str) -> bool:
    return name in catalog and isinstance(catalog[name], AbstractVersionedDataset)


def _changed(catalog: DataCatalog, name: str) -> float:
    """Returns when the dataset's newest version was written, in seconds since the epoch."""
    return Path(catalog[name]._get_load_path()).stat().st_mtime


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).isoformat(sep=" ", timespec="milliseconds")
