"""All pipelines by name; `__default__` is the whole job, in its steps."""

from kedro.framework.project import find_pipelines
from kedro.pipeline import Pipeline

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


def register_pipelines() -> dict[str, Pipeline]:
    """Returns every folder below `pipelines/` under its own name, and the steps of the job as `__default__`.

    Each is a namespace and a tag: kedro-viz opens on one box a step, `--tags=distillation` runs that step, and a node
    is called `distillation.distil_student`. Datasets and parameters keep their names.

    With `--pipeline=NAME` Kedro finds only that pipeline, and there is no `__default__`.
    """
    pipelines = {
        name: Pipeline(found, namespace=name, prefix_datasets_with_namespace=False, tags=name)
        for name, found in find_pipelines(raise_errors=True).items()
        if name != "__default__"
    }
    if all(name in pipelines for name in JOB):
        pipelines["__default__"] = sum((pipelines[name] for name in JOB), Pipeline([]))
    return pipelines
