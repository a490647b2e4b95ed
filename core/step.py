"""One training step: the loss of a batch, the update of the weights; and the losses that are only measured."""

import math

import torch
from torch import Tensor, nn

from core.batches import Batch, EncodedPairs, batch_rows, batches, make_batch
from core.config import TrainConfig
from core.loss import output_loss
from core.machine import Machine
from core.model import Seq2Seq
from core.problems import Problem
from core.vocab import PAD

SAMPLE_BATCHES = 8  # of 64 pairs: what the losses that cost more are measured on after each epoch


def make_optimizer(model: Seq2Seq, config: TrainConfig, machine: Machine) -> torch.optim.Adam:
    return torch.optim.Adam(model.parameters(), config.learning_rate, fused=machine.device.type in ("cpu", "cuda"))


def seed_step(seed: int, step: int) -> torch.Generator:
    """Make dropout, and the coins drawn from the generator returned, hang on the seed and the step alone.

    So a resumed run needs no saved generator to go on exactly as one that was never cut off.
    """
    torch.manual_seed((seed * 1_000_003 + step) % 2**63)
    return torch.Generator().manual_seed((seed * 1_000_003 + step) % 2**63)


def batch_loss(
    model: Seq2Seq, batch: Batch, forced: list[bool], label_smoothing: float, consistency: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Two sums over the real target tokens, `<eos>` included; padding takes no part.

    The first is what training minimises, with label smoothing; the second the plain cross-entropy in nats, which
    is what is shown, so that training and validation losses can be compared. With `consistency` the batch is read
    twice, each time with dropout of its own, and disagreement costs (see `output_loss`).
    """
    read = batch.twice() if consistency else batch
    memory = model.encode(read.source, read.source_lengths)
    features = model.forced(memory, read.target_in, forced)  # (T, B, width)
    real = batch.target_out != PAD
    words = torch.cat([reading[real] for reading in features.chunk(2 if consistency else 1, dim=1)])
    output = model.decoder.output
    # A quarter, so that consistency counts as the paper's alpha does beside the sum of both cross-entropies.
    return output_loss(words, output.weight, output.bias, batch.target_out[real], label_smoothing, consistency / 4)


def take_step(
    model: Seq2Seq, optimizer: torch.optim.Adam, batch: Batch, config: TrainConfig, machine: Machine, step: int
) -> tuple[float, int, float]:
    """Update the weights on one batch; `step` (from 0) and the config's seed decide all its random numbers.

    Returns the summed loss (nats), the number of words and the gradient's norm before it was cut. Raises Problem where
    the loss is no longer a number.
    """
    coins = torch.rand(batch.target_in.shape[0], generator=seed_step(config.seed, step)).tolist()
    forced = [coin < config.teacher_forcing for coin in coins]
    batch = batch.to(machine.device)
    model.train()
    optimizer.zero_grad(set_to_none=True)
    with machine.autocast():
        loss, plain = batch_loss(model, batch, forced, config.label_smoothing, config.consistency)
    tokens = int((batch.target_out != PAD).sum())
    (loss / tokens).backward()  # type: ignore[no-untyped-call]
    norm = nn.utils.clip_grad_norm_(model.parameters(), config.clip).item()
    summed = plain.item()
    if not math.isfinite(summed) or not math.isfinite(norm):
        raise Problem(
            f"The loss is no longer a number at step {step + 1}: the weights blew up. "
            "Start again with a lower learning rate.",
            f"第 {step + 1} 步的损失不再是数字：权重发散了。请调低学习率重新开始。",
        )
    optimizer.step()
    return summed, tokens, norm


@torch.inference_mode()
def sample_loss(model: Seq2Seq, pairs: EncodedPairs, device: torch.device, forced: bool) -> float:
    """Nats per real token on about `SAMPLE_BATCHES` batches of these pairs, of all lengths, always the same ones.

    forced False: the model reads its own words, as when it translates, so that a wrong one leads the next astray.
    """
    model.eval()
    by_length = batch_rows(pairs, 64, None)
    loss, tokens = 0.0, 0
    for rows in by_length[:: math.ceil(len(by_length) / SAMPLE_BATCHES)]:
        batch = make_batch(pairs, rows)
        tokens += int((batch.target_out != PAD).sum())
        loss += batch_loss(model, batch.to(device), [forced] * batch.target_in.shape[0], 0.0)[1].item()
    return loss / tokens


@torch.inference_mode()
def mean_loss(model: Seq2Seq, pairs: EncodedPairs, batch_size: int, device: torch.device) -> float:
    """Nats per real token on these pairs, teacher-forced, without dropout and without label smoothing."""
    model.eval()
    total = 0.0
    for batch in batches(pairs, batch_size):
        total += batch_loss(model, batch.to(device), [True] * batch.target_in.shape[0], 0.0)[1].item()
    return total / pairs.target_tokens
