"""Each fault of files, paths and runs that was once seen has a test that is still there."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
#: Where the folders lie that say what was seen, beside the checkout.
CASES = TESTS.parents[1] / "shared" / "cases"
HELD_BY = {
    "hostile/adapter_pattern_without_end": "teachers/lora/test_files.py::test_a_pattern_from_a_file_is_never_run",
    "hostile/checkpoint_of_another_run": "training/test_checkpoints.py::test_what_another_process_is_writing_stays",
    "hostile/checkpoint_unreadable": (
        "training/test_checkpoints.py::test_where_all_states_are_damaged_it_says_what_to_do"
    ),
    "hostile/escape_codes_in_class_names": "vision/test_text.py::test_controls_and_what_turns_a_line_become_visible",
    "hostile/finished_training_is_repeated": (
        "wiring/test_checkpoint_hooks.py::test_a_training_that_was_finished_is_not_repeated_when_a_later_step_failed"
    ),
    "hostile/first_two_runs_at_once": "wiring/test_tracking.py::test_two_first_runs_make_the_database_once",
    "hostile/image_link_loop": "datasets/test_files.py::test_image_folder_reads_inside_and_refuses_outside",
    "hostile/interrupted_run_is_finished": (
        "wiring/test_tracking.py::test_an_interrupted_run_is_killed_and_says_how_it_goes_on"
    ),
    "hostile/json_log_after_full_disk": (
        "datasets/test_json_log.py::test_a_line_that_the_disk_takes_in_part_is_an_error_and_leaves_nothing"
    ),
    "hostile/json_log_two_processes": (
        "datasets/test_json_log.py::test_processes_lose_no_line_also_where_they_open_it_again_and_again"
    ),
    "hostile/module_names_in_the_project_folder": (
        "evaluate/test_measure.py::test_a_file_of_the_working_directory_is_not_run"
    ),
    "hostile/onnx_card_not_the_graph": (
        "runtime/test_detector.py::test_a_card_of_another_size_than_the_graphs_is_refused"
    ),
    "hostile/onnx_weights_beside_the_file": (
        "runtime/engines/test_onnx_file.py::test_weights_in_another_file_are_refused"
    ),
    "hostile/project_path_with_brackets": "wiring/test_place.py::test_a_path_that_is_read_as_something_else_is_said",
    "hostile/run_from_a_sub_folder": "wiring/test_tracking.py::test_the_database_is_the_projects_from_any_folder",
    "hostile/runtime_reports_home": (
        "reliability/test_nothing_leaves.py::test_a_student_opened_by_a_script_asks_nobody_and_writes_nothing"
    ),
    "hostile/sam_checkpoint_no_pickle": (
        "teachers/sam/test_model.py::test_what_is_no_sam_is_one_message_with_the_files_name"
    ),
    "hostile/splits_of_two_runs": "wiring/test_splits.py::test_parts_of_two_splits_of_one_dataset_are_refused",
    "hostile/student_card_sizes": "students/ultralytics/edge/test_student.py::test_a_strange_header_is_refused",
    "hostile/temporary_files_stay": "training/test_durable.py::test_what_a_killed_writer_left_goes",
    "hostile/truth_of_many_objects": (
        "coco/test_many_objects.py::test_truth_packed_and_unpacked_hold_no_mask_of_the_images_size"
    ),
    "runs/folder_named_by_digits": (
        "wiring/test_hooks.py::test_a_folder_whose_name_is_a_number_to_yaml_is_refused_with_the_way_to_write_it"
    ),
    "runs/int8_older_onnxruntime": (
        "export/quantization/test_static.py::test_it_declares_the_operator_sets_that_it_uses_and_no_other"
    ),
    "runs/interrupted_run_shows_finished": (
        "wiring/test_tracking.py::test_an_interrupted_run_is_killed_and_says_how_it_goes_on"
    ),
    "runs/list_on_command_line": "wiring/test_cli.py::test_lists_and_mappings_stand_in_params",
    "runs/package_without_conf": "wiring/test_hooks.py::test_a_package_without_its_configuration_says_where_to_get_it",
    "runs/parallel_runner": "wiring/test_hooks.py::test_the_parallel_runner_is_refused_in_one_sentence",
    "runs/run_from_subfolder": (
        "wiring/test_hooks.py::test_a_run_from_a_folder_of_the_project_logs_into_the_projects_file"
    ),
    "runs/stale_mlflow_run_id": "wiring/test_tracking.py::test_a_run_id_that_is_not_known_is_one_message",
    "runs/student_that_learnt_nothing": (
        "distill/arms/test_reports.py::test_a_student_that_finds_nothing_is_said_to_have_learnt_nothing"
    ),
    "runs/threshold_out_of_range": (
        "runtime/test_detector.py::test_a_threshold_that_is_no_score_is_refused_before_any_image"
    ),
    "runs/tracking_server": (
        "reliability/test_tracking_server.py::test_a_run_is_on_the_server_with_its_reports_and_nowhere_else"
    ),
    "runs/very_flat_image": (
        "teachers/grounding_dino/test_preprocessing.py::test_pixels_are_those_of_the_published_preprocessing"
    ),
}


@pytest.mark.parametrize("name", HELD_BY)
def test_the_fault_is_held_by_a_test(name):
    file, function = HELD_BY[name].split("::")
    assert re.search(rf"^def {function}\(", (TESTS / file).read_text("utf-8"), re.MULTILINE)
    assert not CASES.is_dir() or (CASES / name / "expected.md").is_file()


@pytest.mark.skipif(not CASES.is_dir(), reason=f"the folders that say what was seen are not here: no folder {CASES}")
def test_no_fault_is_without_a_test():
    there = {f"{kind}/{folder.name}" for kind in ("hostile", "runs") for folder in (CASES / kind).iterdir()}
    assert there == HELD_BY.keys()
