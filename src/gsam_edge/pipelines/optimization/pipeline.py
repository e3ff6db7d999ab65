"""The graph of `optimization`."""

from kedro.pipeline import Pipeline, node

from gsam_edge.export.format import MODULE
from gsam_edge.export.table import FORMATS
from gsam_edge.pipelines.optimization import nodes
from gsam_edge.pipelines.templates import STUDENT


def create_pipeline(model: str = STUDENT) -> Pipeline:
    """Recommends score thresholds, builds the student in every format that is asked for, ships what passes the gate.

    Args:
        model: the student's name in the catalog, which begins with "student". What stands behind that word stands in
            the names of its candidates and of its report, too.
    """
    candidate, report = (model.replace(STUDENT, name, 1) for name in ("candidate", "optimization"))
    exports = [
        node(
            nodes.export_as(name),
            inputs={
                "source": f"{model}_weights" if made_as.source == MODULE else f"{candidate}_{made_as.source}",
                "formats": "params:formats",
                "annotations_train": "annotations_train",
                "annotations_val": "annotations_val",
                "images": "raw_images",
                "config": f"params:{name}",
                "evaluation": "params:evaluation",
                "seed": "params:seed",
                **({"recommended": f"{model}_thresholds"} if made_as.source == MODULE else {}),
            },
            outputs=f"{candidate}_{name}",
            name=f"export_{name}",
        )
        for name, made_as in FORMATS.items()
    ]
    recommend = node(
        nodes.recommend_thresholds_of(model),
        inputs={
            "student_weights": f"{model}_weights",
            "annotations_val": "annotations_val",
            "images": "raw_images",
            "thresholds": "params:thresholds",
            "evaluation": "params:evaluation",
            "device": "params:device",
        },
        outputs=f"{model}_thresholds",
        name="recommend_thresholds",
    )
    return Pipeline(
        [
            recommend,
            *exports,
            node(
                nodes.gate_artefacts_of(model),
                inputs={
                    "student_weights": f"{model}_weights",
                    "annotations_val": "annotations_val",
                    "images": "raw_images",
                    "parity": "params:parity",
                    "gate": "params:gate",
                    "evaluation": "params:evaluation",
                    "recommended": f"{model}_thresholds",
                    "duplicates": "image_duplicates",
                    "split": "params:split",
                    **{name: f"{candidate}_{name}" for name in FORMATS},
                },
                outputs={"report": f"{report}_report", **{name: f"{model}_{name}" for name in FORMATS}},
                name="gate_artefacts",
            ),
            node(nodes.accept_artefacts, inputs=f"{report}_report", outputs=None, name="accept_artefacts"),
        ]
    )
