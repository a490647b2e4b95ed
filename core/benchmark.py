"""The lesson's loop and ours, side by side in one run, and this machine's limit for both."""

import os
import random
import statistics
import time
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from core import corpus
from core.batches import batch_rows, make_batch
from core.config import TrainConfig, preset
from core.corpus import Pair
from core.machine import Machine, matmul_rate
from core.material import Material, normalized, prepare
from core.model import Seq2Seq
from core.text import tokenizer
from core.train import make_optimizer, take_step
from core.translator import build_model
from core.vocab import EOS, PAD, SOS, Vocab

LESSON_ROWS = 10_000  # the lesson's INPUT_DIM and OUTPUT_DIM, whatever the vocabulary holds
LESSON_BATCH = 32


class LessonLoop(nn.Module):
    """The lesson's model and training step as a reader of it would write them: sentences cut anew at each access,
    batches of 32 in file order, padded, one decoder step at a time, float32. Only the alignment is mended."""

    def __init__(self, pairs: list[Pair], source_vocab: Vocab, target_vocab: Vocab) -> None:
        super().__init__()
        self.pairs, self.source_vocab, self.target_vocab = pairs, source_vocab, target_vocab
        self.cut_source, self.cut_target = tokenizer("jieba").tokenize, tokenizer("spacy").tokenize
        self.dropout = nn.Dropout(0.5)
        self.source_embedding, self.target_embedding = nn.Embedding(LESSON_ROWS, 256), nn.Embedding(LESSON_ROWS, 256)
        self.encoder, self.decoder = nn.GRU(256, 512, 2, dropout=0.5), nn.GRU(256, 512, 2, dropout=0.5)
        self.fc_out = nn.Linear(512, LESSON_ROWS)
        self.optimizer = torch.optim.Adam(self.parameters())
        self.criterion = nn.CrossEntropyLoss(ignore_index=PAD)

    def batch(self, number: int) -> tuple[Tensor, Tensor]:
        """Source and target (length, 32) of that batch, `<sos>` and `<eos>` around both."""
        pairs = self.pairs[number * LESSON_BATCH : (number + 1) * LESSON_BATCH]
        sources = [[SOS, *self.source_vocab.encode(self.cut_source(source)), EOS] for source, _ in pairs]
        targets = [[SOS, *self.target_vocab.encode(self.cut_target(target)), EOS] for _, target in pairs]
        source, target = (
            pad_sequence([torch.tensor(ids) for ids in side], padding_value=PAD) for side in (sources, targets)
        )
        return source, target

    def step(self, number: int, teacher_forcing: float) -> int:
        """One update on that batch. Returns the number of words predicted."""
        source, target = self.batch(number)
        self.optimizer.zero_grad()
        _, hidden = self.encoder(self.dropout(self.source_embedding(source)))
        outputs = torch.zeros(target.shape[0] - 1, target.shape[1], LESSON_ROWS)
        word = target[0]
        for t in range(target.shape[0] - 1):
            output, hidden = self.decoder(self.dropout(self.target_embedding(word.unsqueeze(0))), hidden)
            outputs[t] = self.fc_out(output.squeeze(0))
            word = target[t + 1] if random.random() < teacher_forcing else outputs[t].argmax(1)
        loss = self.criterion(outputs.view(-1, LESSON_ROWS), target[1:].reshape(-1))
        loss.backward()
        self.optimizer.step()
        loss.item()
        return int((target[1:] != PAD).sum())


class OurLoop:
    """Our training step on the same pairs; batches come in the order of an epoch."""

    def __init__(self, material: Material, config: TrainConfig, machine: Machine) -> None:
        self.material, self.config, self.machine = material, config, machine
        torch.manual_seed(config.seed)
        self.model: Seq2Seq = build_model(config, material.source_vocab, material.target_vocab).to(machine.device)
        self.optimizer = make_optimizer(self.model, config, machine)
        self.taken = 0
        self.rows = self._rows()

    def _rows(self) -> Iterator[list[int]]:
        while True:
            for rows in batch_rows(self.material.train, self.config.batch_size, self.config.seed + self.taken):
                yield rows.tolist()

    def step(self) -> tuple[int, float]:
        """One update. Returns the words predicted and the floating-point operations in matrix products."""
        batch = make_batch(self.material.train, next(self.rows))
        _, words, _ = take_step(self.model, self.optimizer, batch, self.config, self.machine, self.taken)
        self.taken += 1
        source_words = int(batch.source_lengths.sum())
        return words, matmul_work(self.model, source_words, words)


def matmul_work(model: Seq2Seq, source_words: int, target_words: int) -> float:
    """Floating-point operations in matrix products of one training step, on real words alone: 2 for each weight a
    word meets going forward, 4 going back. Embeddings are looked up, not multiplied; work on padding is not counted.
    """
    encoder = sum(weight.numel() for name, weight in model.encoder.rnn.named_parameters() if "weight" in name)
    decoder = sum(weight.numel() for name, weight in model.decoder.rnn.named_parameters() if "weight" in name)
    decoder += model.decoder.output.weight.numel()
    if model.decoder.mix is not None:
        decoder += model.decoder.mix.weight.numel()
    return float(6 * (encoder * source_words + decoder * target_words))


def measure(pairs: int, rounds: int, threads: int, lesson_steps: int = 4, our_steps: int = 12) -> Iterator[str]:
    """Time both loops in turn and yield the lines of the report.

    pairs: training pairs of Tatoeba; rounds: how often each loop has its turn; threads: 0 is all cores.
    """
    config = replace(preset("lesson", pairs=pairs), threads=threads or os.cpu_count() or 1)
    machine = Machine.for_config(config)
    loaded = normalized(corpus.load("tatoeba"), config)
    material = prepare(loaded, config)
    yield f"{machine.label}, {machine.threads} threads, torch {torch.__version__}; {len(material.train):,} pairs, "
    yield f"vocabularies {len(material.source_vocab):,} and {len(material.target_vocab):,}, rounds: {rounds}"

    rates = {name: 0.0 for name in ("float32", "bfloat16")}
    lesson = LessonLoop(material.split.train, material.source_vocab, material.target_vocab)
    ours = {ratio: OurLoop(material, replace(config, teacher_forcing=ratio), machine) for ratio in (1.0, 0.5)}
    words = material.train.target_tokens
    timings: dict[str, list[tuple[float, float]]] = {}
    number = 0
    for turn in range(rounds + 1):  # the first warms up
        for name in rates:
            rates[name] = max(rates[name], matmul_rate(machine.device, getattr(torch, name), size=1024, seconds=0.3))
        begin, done = time.perf_counter(), 0
        for _ in range(lesson_steps):
            done += lesson.step(number % (len(material.split.train) // LESSON_BATCH), 0.5)
            number += 1
        if turn:
            timings.setdefault("lesson", []).append((done / (time.perf_counter() - begin), 0.0))
        for ratio, loop in ours.items():
            begin, done, work = time.perf_counter(), 0, 0.0
            for _ in range(our_steps):
                step_words, step_work = loop.step()
                done, work = done + step_words, work + step_work
            taken = time.perf_counter() - begin
            if turn:
                timings.setdefault(f"ours, teacher forcing {ratio:g}", []).append((done / taken, work / taken))

    yield ""
    yield f"{'loop':<28}{'words/s':>10}{'s/epoch':>10}{'times':>8}{'GFLOP/s':>10}{'of machine':>12}"
    base = statistics.median(rate for rate, _ in timings["lesson"])
    for name, values in timings.items():
        rate = statistics.median(rate for rate, _ in values)
        flops = statistics.median(flops for _, flops in values)
        share = f"{flops / 1e9:>10.0f}{flops / rates[machine.precision]:>12.0%}" if flops else ""
        yield f"{name:<28}{rate:>10,.0f}{words / rate:>10.1f}{rate / base:>8.1f}{share}"
    yield ""
    yield "matrix products 1024³: " + ", ".join(f"{name} {rate / 1e9:.0f} GFLOP/s" for name, rate in rates.items())
    yield f"ours trains in {machine.precision}; its share counts matrix products on real words alone, 6 operations a weight."
