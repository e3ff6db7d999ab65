"""Each fault of files and paths that was once seen has a test that is still there."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
#: Where the folders lie that say what was seen, beside the checkout.
CASES = TESTS.parents[1] / "shared" / "cases" / "hostile"
HELD_BY = {
    "adapter_pattern_without_end": "teachers/lora/test_files.py::test_a_pattern_from_a_file_is_never_run",
    "escape_codes_in_class_names": "vision/test_text.py::test_controls_and_what_turns_a_line_become_visible",
    "image_link_loop": "datasets/test_files.py::test_image_folder_reads_inside_and_refuses_outside",
    "module_names_in_the_project_folder": "evaluate/test_measure.py::test_a_file_of_the_working_directory_is_not_run",
    "onnx_card_not_the_graph": "runtime/test_detector.py::test_a_card_of_another_size_than_the_graphs_is_refused",
    "onnx_weights_beside_the_file": "runtime/engines/test_onnx_file.py::test_weights_in_another_file_are_refused",
    "project_path_with_brackets": "wiring/test_place.py::test_a_path_that_is_read_as_something_else_is_said",
    "run_from_a_sub_folder": "wiring/test_tracking.py::test_the_database_is_the_projects_from_any_folder",
    "sam_checkpoint_no_pickle": "teachers/sam/test_model.py::test_what_is_no_sam_is_one_message_with_the_files_name",
    "student_card_sizes": "students/ultralytics/edge/test_student.py::test_a_strange_header_is_refused",
    "truth_of_many_objects": (
        "coco/test_many_objects.py::test_truth_packed_and_unpacked_hold_no_mask_of_the_images_size"
    ),
}


@pytest.mark.parametrize("name", HELD_BY)
def test_the_fault_is_held_by_a_test(name):
    file, function = HELD_BY[name].split("::")
    assert re.search(rf"^def {function}\(", (TESTS / file).read_text("utf-8"), re.MULTILINE)
    assert not CASES.is_dir() or (CASES / name / "expected.md").is_file()
