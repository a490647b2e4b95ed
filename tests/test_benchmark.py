"""The lesson's loop that `benchmark --quality` runs is the one that `benchmark` times."""

import random

import pytest
import torch

from core.benchmark import LessonLoop
from core.config import FILES
from core.corpus import ParallelCorpus
from core.material import normalized, prepare
from core.vocab import EOS, PAD
from tests.conftest import PAIRS, tiny_config


@pytest.mark.parametrize("teacher_forcing", [0.0, 0.5, 1.0])
def test_the_lessons_loop_in_stretches_gives_the_same_loss_and_gradients(teacher_forcing):
    config = tiny_config()
    material = prepare(normalized(ParallelCorpus(FILES, PAIRS, ""), config), config)
    lesson = LessonLoop(material, seed=1, as_timed=False)
    lesson.eval()  # dropout draws its numbers call by call
    source, target = lesson.batch(1)
    target[-2:, :5] = torch.tensor([[EOS], [PAD]])  # some are shorter
    found = []
    for way in (lesson.loss, lesson.stretches):
        lesson.coins = random.Random(3)
        lesson.zero_grad()
        loss = way(source, target, teacher_forcing)
        loss.backward()
        found.append(
            (loss.detach(), lesson.coins.random(), {name: weight.grad for name, weight in lesson.named_parameters()})
        )
    torch.testing.assert_close(found[0], found[1])
