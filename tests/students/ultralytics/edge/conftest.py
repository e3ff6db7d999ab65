"""Random students that find objects everywhere."""

import pytest
import torch

from gsam_edge.students.table import ARCHITECTURES
from gsam_edge.students.ultralytics.network import has_end_to_end, new_network
from gsam_edge.students.weights import StudentWeights, full_precision


@pytest.fixture
def weights(edge_config):
    """A random student with statistics of its own, so that its scores differ, and objects everywhere."""

    def make(architecture: str, image_size: int = 64) -> StudentWeights:
        torch.manual_seed(0)
        size = next(iter(ARCHITECTURES[architecture].sizes), None)
        network = new_network(architecture, size, 3)
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = 1.0
        network.train()(torch.rand(4, 3, image_size, image_size))
        head = network.model[-1]
        for level in [*head.cv3, *getattr(head, "one2one_cv3", ())]:
            torch.nn.init.normal_(level[-1].weight, std=0.02)
            torch.nn.init.normal_(level[-1].bias, std=0.5)
        _calm(network, torch.rand(4, 3, image_size, image_size))
        return StudentWeights(
            architecture, size, ("a", "b", "ü"), image_size, edge_config, full_precision(network.state_dict())
        )

    return make


@torch.no_grad()
def _calm(network, images) -> None:
    """Scales the last layers of the exported branch, which nothing bounds: scores and masks neither 0 nor 1, boxes of
    some cells.

    The rounding errors of large numbers would else hide whether two runtimes agree.
    """
    (answer, said), head = network.eval()(images), network.model[-1]
    branch = "one2one_" if has_end_to_end(network) else ""
    said = said["one2one"] if branch else said
    for scores, distances in zip(getattr(head, f"{branch}cv3"), getattr(head, f"{branch}cv2"), strict=True):
        scores[-1].weight.div_(said["scores"].std())
        distances[-1].weight.div_(2 * said["boxes"].std())
    if "mask_coefficient" in said:
        masks = torch.bmm(said["mask_coefficient"].transpose(1, 2), answer[1].flatten(2))  # before the sigmoid
        for coefficients in getattr(head, f"{branch}cv4"):
            coefficients[-1].weight.div_(masks.std())
