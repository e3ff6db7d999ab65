"""Pipeline `teacher_finetune`: tune the teachers with LoRA."""

from gsam_edge.pipelines.teacher_finetune.pipeline import create_pipeline

__all__ = ["create_pipeline"]
