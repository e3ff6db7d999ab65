"""The graph of `optimization`."""

from kedro.pipeline import Pipeline, node

from gsam_edge.export.format import MODULE
from gsam_edge.export.table import FORMATS
from gsam_edge.pipelines.optimization import nodes


def create_pipeline() -> Pipeline:
    """Builds the student in every format that is asked for, and ships those that pass the gate."""
    exports = [
        node(
            nodes.export_as(name),
            inputs={
                "source": "student_weights" if made_as.source == MODULE else f"candidate_{made_as.source}",
                "formats": "params:formats",
                "annotations_train": "annotations_train",
                "annotations_val": "annotations_val",
                "images": "raw_images",
                "config": f"params:{name}",
                "evaluation": "params:evaluation",
                "seed": "params:seed",
            },
            outputs=f"candidate_{name}",
            name=f"export_{name}",
        )
        for name, made_as in FORMATS.items()
    ]
    return Pipeline(
        [
            *exports,
            node(
                nodes.gate_artefacts,
                inputs={
                    "student_weights": "student_weights",
                    "annotations_val": "annotations_val",
                    "images": "raw_images",
                    "parity": "params:parity",
                    "gate": "params:gate",
                    "evaluation": "params:evaluation",
                    **{name: f"candidate_{name}" for name in FORMATS},
                },
                outputs={"report": "optimization_report", **{name: f"student_{name}" for name in FORMATS}},
                name="gate_artefacts",
            ),
            node(nodes.accept_artefacts, inputs="optimization_report", outputs=None, name="accept_artefacts"),
        ]
    )
