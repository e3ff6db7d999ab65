import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gsam_edge.training.config import LoopConfig
from gsam_edge.training.loop.schedule import Schedule
from support.loops import loop_config


def schedule(*, images=40, step_images=4, **changes):
    return Schedule.of(loop_config(LoopConfig, monitor="score", **changes), images=images, step_images=step_images)


def test_the_rate_is_that_of_torchs_own_linear_and_cosine_schedules():
    course = schedule(epochs=10, warmup_epochs=3, warmup_share=0.5, final_share=0.05, learning_rate=0.2)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.2)
    warmup = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.1, total_iters=30)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=70, eta_min=0.05 * 0.2)
    expected = []
    for step in range(course.steps):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        (warmup if step < 30 else cosine).step()
    assert course.steps == 100
    assert [course.rate(step) for step in range(100)] == pytest.approx(expected)


def test_warm_up_never_takes_more_than_its_share_of_a_short_run():
    course = schedule(epochs=4, warmup_epochs=3, warmup_share=0.1, learning_rate=1.0)
    assert (course.steps, course.rate(0), course.rate(4)) == (40, 0.1, 1.0)
    assert course.rate(3) < 1
    assert schedule(epochs=1, images=4, warmup_epochs=3, warmup_share=0.1, learning_rate=1.0).rate(0) == 1


def test_the_samples_old_steps_are_its_epochs():
    """150 steps of 12 on 210 images, with validations after 50, 100 and 150."""
    course = schedule(images=210, step_images=12, epochs=9, min_steps=150, validate_every=3)
    assert course.steps == math.ceil(9 * 210 / 12) == 158
    assert [step for step in range(1, 159) if course.validates_after(step)] == [53, 105, 158]


def test_few_images_are_shown_until_the_run_has_its_fewest_steps_and_all_that_is_counted_in_epochs_keeps_its_share():
    few, many = (
        schedule(images=images, step_images=12, epochs=9, min_steps=150, validate_every=3) for images in (20, 210)
    )
    assert (few.steps, schedule(images=20, step_images=12, epochs=9).steps) == (150, 15)
    assert [step for step in range(1, 151) if few.validates_after(step)] == [50, 100, 150]
    assert many.steps == 158


@given(st.integers(1, 60), st.integers(1, 50), st.integers(1, 12), st.integers(0, 40), st.integers(1, 5))
def test_every_epoch_is_shown_whole_and_the_last_step_validates(images, step_images, epochs, min_steps, every):
    course = schedule(images=images, step_images=step_images, epochs=epochs, min_steps=min_steps, validate_every=every)
    assert course.steps >= max(min_steps, 1)
    assert (course.steps - 1) * step_images < epochs * course.epoch_images <= course.steps * step_images
    assert course.epochs_after(course.steps) == epochs
    validations = [step for step in range(1, course.steps + 1) if course.validates_after(step)]
    assert validations[-1] == course.steps
    assert len(validations) <= math.ceil(epochs / every)
    assert all(0 < course.rate(step) <= course.config.learning_rate for step in range(course.steps))


def test_no_images_are_an_error():
    with pytest.raises(ValueError, match="at least 1 image an epoch and a step, got 0 and 4"):
        schedule(images=0)
