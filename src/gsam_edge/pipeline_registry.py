"""All pipelines by name; `__default__` is the whole job, in its steps."""

from difflib import get_close_matches
from pkgutil import iter_modules

from kedro.framework.project import find_pipelines
from kedro.pipeline import Pipeline

import gsam_edge.pipelines
from gsam_edge.vision.errors import UserError

JOB = (
    "data_validation",
    "teacher_finetune",
    "distillation",
    "optimization",
    "evaluation",
    "review",
    "report",
    "bundle",
)


class UnknownPipelineError(UserError):
    """A name that no pipeline has."""


def register_pipelines() -> dict[str, Pipeline]:
    """Returns every folder below `pipelines/` under its own name, and the steps of the job as `__default__`.

    Each is a namespace and a tag: kedro-viz opens on one box a step, `--tags=distillation` runs that step, and a node
    is called `distillation.distil_student`. Datasets and parameters keep their names.

    With `--pipeline=NAME` Kedro finds only that pipeline, and there is no `__default__`.

    Raises:
        UnknownPipelineError: if there is no pipeline of that name.
    """
    pipelines = {
        name: Pipeline(found, namespace=name, prefix_datasets_with_namespace=False, tags=name)
        for name, found in _found().items()
        if name != "__default__"
    }
    if all(name in pipelines for name in JOB):
        pipelines["__default__"] = sum((pipelines[name] for name in JOB), Pipeline([]))
    return pipelines


def _found() -> dict[str, Pipeline]:
    """Returns what Kedro finds; of a name that is no folder it says only that an import failed."""
    try:
        return find_pipelines(raise_errors=True)
    except ImportError as error:
        asked = str(error).partition(f"{gsam_edge.pipelines.__name__}.")[2].partition("'")[0]
        names = sorted(module.name for module in iter_modules(gsam_edge.pipelines.__path__) if module.ispkg)
        if error.__cause__ is not None or asked in names:
            raise  # a defect in a pipeline of ours
        near = get_close_matches(asked, names, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise UnknownPipelineError(
            f"--pipeline: there is none called {asked!r}; {hint}known are: {', '.join(names)}; without --pipeline the "
            f"whole job runs: {', '.join(JOB)}"
        ) from error
