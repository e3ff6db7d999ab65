"""Says on the MLflow run which data and which student it is about, and keeps artefacts with their figures as models."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModel, LoggedModelOutput, Metric
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT
from mlflow.utils.time import get_current_time_millis
from mlflow.utils.validation import MAX_METRICS_PER_BATCH

from gsam_edge.coco import Annotations
from gsam_edge.hooks.tracking import name_of_run

if TYPE_CHECKING:
    from gsam_edge.students.weights import StudentWeights

#: Parts of the data in the catalog, and what MLflow calls the use of each.
PARTS = {"annotations_train": "training", "annotations_val": "validation", "annotations_test": "test"}
#: Rows of figures, one an artefact.
COMPARISONS = ("comparison", "pruning_comparison")
#: The student whose figures are those of the run: in PyTorch, unpruned. Every run that measures has one.
STUDENT = "student"
_WEIGHTS = "_weights"
#: Hexadecimal digits of a digest that are shown; a dataset's may have 36.
SHOWN_DIGITS = 12


def dataset_input(name: str, part: Annotations, folder: Path) -> DatasetInput:
    """Returns a part of the data as MLflow shows it: `<folder>/<part>`, its digest, its use, counts of its classes."""
    objects = part.image_class_counts.sum(axis=0).tolist()
    profile = {
        "images": len(part.images),
        "objects": sum(objects),
        "classes": dict(zip(part.class_names, objects, strict=True)),
        "digest": part.digest,
        "split_digest": part.split_digest,
        "source_digest": part.source,
    }
    dataset = Dataset(
        name=f"{folder.name}/{name.removeprefix('annotations_')}",
        digest=part.digest[:SHOWN_DIGITS],
        source_type="local",
        source=json.dumps({"uri": folder.resolve().as_uri()}),
        profile=json.dumps(profile),
    )
    return DatasetInput(dataset=dataset, tags=[InputTag(MLFLOW_DATASET_CONTEXT, PARTS[name])])


def title_of(weights: "StudentWeights") -> str:
    """Returns what people call a student, for instance "yolov8-seg n 320 px"."""
    size = "" if weights.size is None else f" {weights.size}"
    return f"{weights.architecture}{size} {weights.image_size} px{' pruned' if weights.widths else ''}"


def figures_of_row(row: Mapping[str, Any]) -> dict[str, float]:
    """Returns the figures of a row of `comparison` by which artefacts are compared, without its conditions."""
    from gsam_edge.metrics.figures import FIGURES  # late: it brings the libraries that compute them

    figures = {name: float(row[name]) for name in FIGURES if row.get(name) is not None}
    in_use = row.get("at_threshold", {}).get("per_100_images", {})
    return figures | {f"{name}_per_100_images": float(value) for name, value in in_use.items()}


class StudentHooks:
    """Logs data, students and artefacts of a run, with the figures of each artefact on its model.

    The model in MLflow holds no file: that is Kedro's (docs/adr/0004-one-owner-per-artefact.md). It is found again by
    name and digest, so that another evaluation of the same file adds to the same model.
    """

    def __init__(self) -> None:
        self._tracked = False

    @hook_impl(trylast=True)
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Remembers the run: datasets are loaded in threads in which MLflow has none yet."""
        active = mlflow.active_run()
        self._tracked = active is not None
        if active is None:
            return
        self._run_id, self._experiment_id = active.info.run_id, active.info.experiment_id
        self._client = mlflow.MlflowClient()
        self._name = name_of_run(pipeline, run_params)
        self._folder = Path(str(catalog["raw_annotations"]._filepath)).parent if "raw_annotations" in catalog else None
        self._parts: dict[str, Annotations] = {}
        self._students: dict[str, StudentWeights] = {}
        self._models: dict[tuple[str, str | None], LoggedModel] = {}

    @hook_impl
    def after_dataset_loaded(self, dataset_name: str, data: Any) -> None:
        """Logs what the run reads; what it wrote itself is known already."""
        if self._tracked and dataset_name not in (*self._parts, *(f"{name}{_WEIGHTS}" for name in self._students)):
            self._log(dataset_name, data)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        """Logs what the run made, and the figures of artefacts when they are compared."""
        if not self._tracked:
            return
        self._log(dataset_name, data)
        if dataset_name in COMPARISONS:
            self._log_figures(data)
        elif dataset_name == "recommendation" and data.get("ship"):
            self._client.set_tag(self._run_id, "recommended", data["ship"])

    def _log(self, name: str, data: Any) -> None:
        if name in PARTS and self._folder is not None:
            self._parts[name] = data
            self._client.log_inputs(self._run_id, datasets=[dataset_input(name, data, self._folder)])
            job = f"{self._folder.name} {(data.split_digest or 'not split')[:SHOWN_DIGITS]}"
            self._client.set_tag(self._run_id, "job", job)  # runs of single steps on one split are one job
        elif name.startswith(STUDENT) and name.endswith(_WEIGHTS):
            self._log_student(name.removesuffix(_WEIGHTS), data)
        elif isinstance(data, bytes) and (student := self._student_of(name)) is not None:
            self._model(name, hashlib.sha256(data).hexdigest(), student)

    def _log_student(self, name: str, weights: "StudentWeights") -> None:
        self._students[name] = weights
        self._model(name, weights.digest, weights)
        if name != STUDENT:
            return
        title, run_id = title_of(weights), self._run_id
        tags = {"student": title, "task": weights.interface.task, "split": (weights.split or "none")[:SHOWN_DIGITS]}
        for tag, value in tags.items():
            self._client.set_tag(run_id, tag, value)
        if self._client.get_run(run_id).info.run_name == self._name:  # not one that the user gave
            self._client.update_run(run_id, name=f"{title}: {self._name}")

    def _student_of(self, artefact: str) -> "StudentWeights | None":
        """Returns the student that an artefact was exported from: of those in the run, the one of the longest name."""
        names = [name for name in self._students if artefact.startswith(f"{name}_")]
        return self._students[max(names, key=len)] if names else None

    def _model(self, name: str, digest: str | None, weights: "StudentWeights | None") -> LoggedModel:
        """Returns the model of an artefact, which is made where there is none of this name and digest."""
        if (name, digest) in self._models:
            return self._models[name, digest]
        wanted = f"attributes.name = '{name}' AND tags.digest = '{digest}'"
        found = self._client.search_logged_models([self._experiment_id], filter_string=wanted) if digest else []
        if found:
            model = found[0]
        else:
            tags, params = {}, {}
            if weights is not None:
                tags = {"task": weights.interface.task, "student": title_of(weights), "split": weights.split or "none"}
                params = {
                    "architecture": weights.architecture,
                    "size": str(weights.size),
                    "image_size": str(weights.image_size),
                    "classes": str(len(weights.class_names)),
                }
            model = mlflow.create_external_model(
                name=name,
                source_run_id=self._run_id,
                experiment_id=self._experiment_id,
                tags=tags | ({"digest": digest} if digest else {}),
                params=params,
            )
            self._client.log_outputs(self._run_id, [LoggedModelOutput(model.model_id, step=0)])
        self._models[name, digest] = model
        return model

    def _log_figures(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Logs the figures of each artefact on its model and, as `<artefact>/<figure>`, on the run.

        MLflow takes no figure for a model that it does not take for the run, too. Without an artefact's name the run's
        own are those of `STUDENT`: they are one moment younger.
        """
        now, test = get_current_time_millis(), self._parts.get("annotations_test")
        data = (
            {}
            if test is None or self._folder is None
            else {
                "dataset_name": f"{self._folder.name}/test",
                "dataset_digest": test.digest[:SHOWN_DIGITS],
            }
        )
        metrics = []
        for row in rows:
            artefact = row["artefact"]
            student = self._students.get(artefact) or self._student_of(artefact)
            digest = row.get("digest") or (student.digest if artefact in self._students and student else None)
            model = self._model(artefact, digest, student)
            for name, value in figures_of_row(row).items():
                metrics.append(Metric(f"{artefact}/{name}", value, now, 0))
                of_model = {"model_id": model.model_id, "run_id": self._run_id, **data}
                metrics.append(Metric(name, value, now + (artefact == STUDENT), 0, **of_model))
        for start in range(0, len(metrics), MAX_METRICS_PER_BATCH):
            self._client.log_batch(self._run_id, metrics=metrics[start : start + MAX_METRICS_PER_BATCH])
