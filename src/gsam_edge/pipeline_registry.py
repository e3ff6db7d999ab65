"""All pipelines by name; `__default__` is the whole job in a row."""

from kedro.framework.project import find_pipelines
from kedro.pipeline import Pipeline

JOB = ("data_validation", "teacher_finetune", "distillation", "optimization", "evaluation")


def register_pipelines() -> dict[str, Pipeline]:
    """Every folder below `pipelines/` under its own name, and the five steps of the job as `__default__`.

    For `--pipeline=NAME` Kedro finds that one alone, and there is no whole job to put together.
    """
    pipelines = find_pipelines(raise_errors=True)
    if all(name in pipelines for name in JOB):
        pipelines["__default__"] = sum((pipelines[name] for name in JOB), Pipeline([]))
    return pipelines
