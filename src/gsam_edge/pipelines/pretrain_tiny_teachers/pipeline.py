"""The graph of `pretrain_tiny_teachers`."""

from kedro.pipeline import Pipeline, node

from gsam_edge.pipelines.pretrain_tiny_teachers import nodes


def create_pipeline() -> Pipeline:
    """Trains the tiny teachers and the initial student weights that the project ships, on generated scenes."""
    return Pipeline(
        [
            node(
                getattr(nodes, f"train_tiny_{model}"),
                inputs={
                    "config": f"params:pretrain_{model}",
                    "world": f"params:{model}_world",
                    "checkpoints": f"pretrain_{model}_checkpoints",
                    "log": "live_metrics",
                    "seed": "params:seed",
                    "device": "params:device",
                },
                outputs=[f"{model}_base", f"pretrain_{model}_report"],
                name=f"pretrain_{model}",
            )
            for model in ("grounding_dino", "sam", "student")
        ]
    )
