"""Keeps when each step ran, for how long, with which parameters and code: the report tells how it was made."""

import time
from datetime import UTC, datetime
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline.node import Node
from pydantic import BaseModel

from gsam_edge.hooks.tracking import git_commit

RECORD = "run_record"


class RecordHooks:
    """Writes into `run_record` after every node; what an earlier run left of other nodes stays."""

    def __init__(self) -> None:
        self._began: dict[str, float] = {}
        self._commit = ""

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any]) -> None:
        """Notes the commit of the code."""
        self._commit = git_commit(run_params)

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        """Starts the node's clock."""
        self._began[node.name] = time.monotonic()

    @hook_impl
    def after_node_run(self, node: Node, catalog: DataCatalog, inputs: dict[str, Any]) -> None:
        """Adds the node to its step: {"nodes": {name: {ended, seconds}}, "parameters", "commit"}."""
        if RECORD not in catalog or node.namespace is None:
            return
        seconds = time.monotonic() - self._began.pop(node.name)
        record = catalog[RECORD].load()
        step = record.setdefault("steps", {}).setdefault(node.namespace, {"nodes": {}, "parameters": {}})
        ended = datetime.now(UTC).isoformat(timespec="seconds")
        step["nodes"][node.name.removeprefix(f"{node.namespace}.")] = {"ended": ended, "seconds": round(seconds, 1)}
        step["parameters"] |= {
            name.removeprefix("params:"): value.model_dump(mode="json") if isinstance(value, BaseModel) else value
            for name, value in inputs.items()
            if name.startswith("params:")
        }
        step["commit"] = self._commit
        catalog[RECORD].save(record)
