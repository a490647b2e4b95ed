"""Before a run starts: how big its model is, and how long an epoch takes on this machine."""

import time
from dataclasses import dataclass

from core.batches import batch_rows, make_batch
from core.config import TrainConfig
from core.machine import Machine
from core.material import Material
from core.progress import Report
from core.step import make_optimizer, take_step
from core.translator import build_model


@dataclass(frozen=True)
class Estimate:
    """What a run would be, measured on this machine with a few real steps."""

    parameters: int
    pairs: int  # training pairs there are, at most those asked for
    source_words: int
    target_words: int
    epoch_seconds: float
    device: str
    precision: str
    threads: int


def estimate(
    material: Material, config: TrainConfig, seconds: float = 0.7, report: Report = lambda share: None
) -> Estimate:
    """Train a throw-away model, each batch twice, and count up to one epoch from about so many seconds of second times.

    material: as `prepare` makes it. Raises Problem where the device is not there.
    """
    machine = Machine.for_config(config)
    model = build_model(config, material.source_vocab, material.target_vocab).to(machine.device)
    optimizer = make_optimizer(model, config, machine)
    tokens, spent = 0, 0.0
    for step, rows in enumerate(batch_rows(material.train, config.batch_size, config.seed, config.even_batches)):
        batch = make_batch(material.train, rows)
        take_step(model, optimizer, batch, config, machine, step)  # what a batch of a new shape costs, it costs once
        begin = time.perf_counter()
        _, words, _ = take_step(model, optimizer, batch, config, machine, step)
        spent += time.perf_counter() - begin
        tokens += words
        report(spent / seconds)
        if spent > seconds:
            break
    return Estimate(
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        pairs=len(material.train),
        source_words=len(material.source_vocab),
        target_words=len(material.target_vocab),
        epoch_seconds=material.train.target_tokens / tokens * spent if tokens else 0.0,
        device=machine.label,
        precision=machine.precision,
        threads=machine.threads,
    )
