"""The lesson's loop and ours, side by side in one run, and this machine's limit for both."""

import math
import random
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from core import corpus
from core.batches import EncodedPairs, batch_rows, batches, make_batch
from core.config import TrainConfig, preset
from core.machine import DEFAULT_THREADS, Machine, keep_freed_memory, matmul_rate
from core.material import Material, load_corpus, normalized, prepare
from core.model import Seq2Seq
from core.runs import Run
from core.step import make_optimizer, mean_loss, take_step
from core.text import tokenizer
from core.translator import Translator, build_model
from core.vocab import EOS, PAD, SOS

LESSON_ROWS = 10_000  # the lesson's INPUT_DIM and OUTPUT_DIM, whatever the vocabulary holds
LESSON_BATCH = 32


class LessonLoop(nn.Module):
    """The lesson's model and training step as a reader of it would write them: sentences cut anew at each access,
    batches of 32 in file order, padded, one decoder step at a time, float32. Only the alignment is mended.

    For its losses alone, not its time (as_timed False), sentences are cut once, the vocabularies have their real sizes
    and `stretches` takes the place of `loss`.
    """

    def __init__(self, material: Material, seed: int, as_timed: bool = True) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.coins = random.Random(seed)
        self.pairs, self.source_vocab, self.target_vocab = material.kept, material.source_vocab, material.target_vocab
        self.cut_source, self.cut_target = tokenizer("jieba").tokenize, tokenizer("spacy").tokenize
        rows = (LESSON_ROWS, LESSON_ROWS) if as_timed else (len(self.source_vocab), len(self.target_vocab))
        self.dropout = nn.Dropout(0.5)
        self.source_embedding, self.target_embedding = nn.Embedding(rows[0], 256), nn.Embedding(rows[1], 256)
        self.encoder, self.decoder = nn.GRU(256, 512, 2, dropout=0.5), nn.GRU(256, 512, 2, dropout=0.5)
        self.fc_out = nn.Linear(512, rows[1])
        self.optimizer = torch.optim.Adam(self.parameters())
        self.criterion = nn.CrossEntropyLoss(ignore_index=PAD)
        self.known = None if as_timed else [self.ids(*pair) for pair in self.pairs]

    def ids(self, source: str, target: str) -> tuple[Tensor, Tensor]:
        """A pair as ids with `<sos>` and `<eos>` around both."""
        return (
            torch.tensor([SOS, *self.source_vocab.encode(self.cut_source(source)), EOS]),
            torch.tensor([SOS, *self.target_vocab.encode(self.cut_target(target)), EOS]),
        )

    @property
    def batches(self) -> int:
        return math.ceil(len(self.pairs) / LESSON_BATCH)

    def batch(self, number: int) -> tuple[Tensor, Tensor]:
        """Source and target (length, 32) of that batch."""
        rows = slice(number * LESSON_BATCH, (number + 1) * LESSON_BATCH)
        pairs = self.known[rows] if self.known else [self.ids(*pair) for pair in self.pairs[rows]]
        source, target = (pad_sequence(list(side), padding_value=PAD) for side in zip(*pairs, strict=True))
        return source, target

    def loss(self, source: Tensor, target: Tensor, teacher_forcing: float) -> Tensor:
        """Mean cross-entropy of a batch, a decoder step at a time."""
        _, hidden = self.encoder(self.dropout(self.source_embedding(source)))
        outputs = torch.zeros(target.shape[0] - 1, target.shape[1], self.fc_out.out_features)
        word = target[0]
        for t in range(target.shape[0] - 1):
            output, hidden = self.decoder(self.dropout(self.target_embedding(word.unsqueeze(0))), hidden)
            outputs[t] = self.fc_out(output.squeeze(0))
            word = target[t + 1] if self.coins.random() < teacher_forcing else outputs[t].argmax(1)
        return self.criterion(outputs.view(-1, outputs.shape[2]), target[1:].reshape(-1))  # type: ignore[no-any-return]

    def stretches(self, source: Tensor, target: Tensor, teacher_forcing: float) -> Tensor:
        """The same number as `loss` with the same coins, in fewer calls: the steps between two guesses are one, and
        the output layer leaves padding out."""
        _, hidden = self.encoder(self.dropout(self.source_embedding(source)))
        given = [True, *(self.coins.random() < teacher_forcing for _ in target[1:])]  # the last coin decides nothing
        words, start = target[:-1], 0
        outputs: list[Tensor] = []
        while start < len(words):
            end = next((t for t in range(start + 1, len(words)) if not given[t]), len(words))
            stretch = words[start:end]
            if start:
                with torch.no_grad():
                    stretch = torch.cat([self.fc_out(outputs[-1][-1:]).argmax(2), stretch[1:]])
            output, hidden = self.decoder(self.dropout(self.target_embedding(stretch)), hidden)
            outputs.append(output)
            start = end
        real = target[1:] != PAD
        return self.criterion(self.fc_out(torch.cat(outputs)[real]), target[1:][real])  # type: ignore[no-any-return]

    def step(self, number: int, teacher_forcing: float) -> int:
        """One update on that batch. Returns the number of words predicted."""
        source, target = self.batch(number)
        self.optimizer.zero_grad()
        loss = (self.loss if self.known is None else self.stretches)(source, target, teacher_forcing)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        loss.item()
        return int((target[1:] != PAD).sum())

    @torch.inference_mode()
    def valid_loss(self, pairs: EncodedPairs) -> float:
        """Nats a word on these pairs, teacher-forced. In batches of like lengths: this loop suffers from padding."""
        self.eval()
        total = 0.0
        for batch in batches(pairs, LESSON_BATCH):
            start = torch.full((1, batch.source.shape[1]), SOS)
            target = torch.cat([batch.target_in, torch.full_like(start, PAD)])
            target[1:] = batch.target_out
            words = int((batch.target_out != PAD).sum())
            total += self.stretches(torch.cat([start, batch.source]), target, 1.0).item() * words
        self.train()
        return total / pairs.target_tokens


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
            config = self.config
            for rows in batch_rows(
                self.material.train, config.batch_size, config.seed + self.taken, config.even_batches
            ):
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


def prepared(config: TrainConfig) -> Material:
    return prepare(normalized(corpus.load("tatoeba"), config), config)


# Ours as it is timed, beside the lesson's: its own batches, and those of the quick preset.
OURS = (
    ("ours, batches of 32, forcing 0.5", 32, 0.5),
    ("ours, batches of 128, forcing 0.5", 128, 0.5),
    ("ours, batches of 128, forcing 1.0", 128, 1.0),
)


def measure(
    pairs: int, rounds: int, threads: int, device: str = "auto", lesson_steps: int = 6, our_sentences: int = 1536
) -> Iterator[str]:
    """Time the loops in turn and yield the lines of the report.

    pairs: training pairs of Tatoeba; rounds: how often each loop has its turn; threads: 0 is all cores; device: ours
    runs there, the lesson's on the CPU, as published.
    """
    keep_freed_memory()
    config = replace(preset("lesson", pairs=pairs), threads=threads or DEFAULT_THREADS, device=device)
    machine = Machine.for_config(config)
    material = prepared(config)
    yield f"{machine.label}, {machine.threads} threads, torch {torch.__version__}; {len(material.train):,} pairs, "
    yield f"vocabularies {len(material.source_vocab):,} and {len(material.target_vocab):,}, rounds: {rounds}"

    rates: dict[str, list[float]] = {"float32": [], "bfloat16": []}
    lesson = LessonLoop(material, config.seed)
    # On a GPU a short batch costs nearly as much time as a long one: there each has as many words.
    config = replace(config, even_batches=machine.device.type == "cuda")
    ours = {
        name: OurLoop(material, replace(config, batch_size=size, teacher_forcing=ratio), machine)
        for name, size, ratio in OURS
    }
    words = material.train.target_tokens
    timings: dict[str, list[tuple[float, float]]] = {}
    number = 0
    for turn in range(rounds + 1):  # the first warms up
        for name, measured in rates.items():
            measured.append(matmul_rate(machine.device, getattr(torch, name), size=1024, seconds=0.3))
        keep_freed_memory(False)  # the lesson's loop as published knows nothing of that
        lesson.step(number % lesson.batches, 0.5)
        begin, done = time.perf_counter(), 0
        for _ in range(lesson_steps):
            number += 1
            done += lesson.step(number % lesson.batches, 0.5)
        if turn:
            timings.setdefault("the lesson's loop", []).append((done / (time.perf_counter() - begin), 0.0))
        keep_freed_memory()
        for name, loop in ours.items():
            loop.step()
            begin, done, work = time.perf_counter(), 0, 0.0
            for _ in range(max(1, our_sentences // loop.config.batch_size)):
                step_words, step_work = loop.step()
                done, work = done + step_words, work + step_work
            taken = time.perf_counter() - begin
            if turn:
                timings.setdefault(name, []).append((done / taken, work / taken))

    best = statistics.median(rates[machine.precision][1:])
    yield ""
    yield f"{'loop':<36}{'words/s':>10}{'s/epoch':>10}{'times':>8}{'GFLOP/s':>10}{'of machine':>12}"
    base = statistics.median(rate for rate, _ in timings["the lesson's loop"])
    for name, values in timings.items():
        rate = statistics.median(rate for rate, _ in values)
        flops = statistics.median(flops for _, flops in values)
        share = f"{flops / 1e9:>10.0f}{flops / best:>12.0%}" if flops else ""
        yield f"{name:<36}{rate:>10,.0f}{words / rate:>10.1f}{rate / base:>8.1f}{share}"
    yield ""
    medians = {name: statistics.median(measured[1:]) for name, measured in rates.items()}
    yield "matrix products 1024³: " + ", ".join(f"{name} {rate / 1e9:.0f} GFLOP/s" for name, rate in medians.items())
    yield f"ours trains in {machine.precision}; its share counts matrix products on real words alone, 6 operations a weight."
    if machine.device.type == "cuda":
        yield f"the GPU was busy {busy_share(ours[OURS[-1][0]]):.0%} of the time"


def busy_share(loop: "OurLoop", steps: int = 20) -> float:
    """Which part of its training time a GPU spends in kernels."""
    from torch.profiler import ProfilerActivity, profile

    torch.cuda.synchronize()
    begin = time.perf_counter()
    with profile(activities=[ProfilerActivity.CUDA]) as profiler:
        for _ in range(steps):
            loop.step()
        torch.cuda.synchronize()
    taken = time.perf_counter() - begin
    return float(sum(event.self_device_time_total for event in profiler.key_averages())) / 1e6 / taken


def quality(pairs: int, epochs: int, seeds: Sequence[int], threads: int) -> Iterator[str]:
    """Validation losses after the same epochs on the same pairs, seed by seed: what the speed costs, if anything.

    Ours is the quick way of training the lesson's model: batches of 128 of like lengths, this machine's precision,
    the learning rate raised to 0.003 and falling to 0, since four times as large batches make a quarter of the steps.
    """
    keep_freed_memory()
    base = preset("lesson", pairs=pairs, epochs=epochs, threads=threads or DEFAULT_THREADS)
    quick = replace(base, batch_size=128, learning_rate=0.003, schedule="linear")
    material = prepared(base)
    yield f"validation loss, nats a word, after {epochs} epochs of {len(material.train):,} pairs, teacher forcing 0.5"
    yield f"{'seed':<6}{'the lesson’s loop':>18}{'ours, 32':>12}{'ours, 128':>12}"
    rows: list[list[float]] = []
    for seed in seeds:
        ours = [our_loss(material, replace(config, seed=seed)) for config in (base, quick)]
        rows.append([lesson_loss(material, seed, epochs), *ours])
        yield f"{seed:<6}{rows[-1][0]:>18.3f}{rows[-1][1]:>12.3f}{rows[-1][2]:>12.3f}"
    means = [statistics.mean(values) for values in zip(*rows, strict=True)]
    yield f"{'mean':<6}{means[0]:>18.3f}{means[1]:>12.3f}{means[2]:>12.3f}"


def lesson_loss(material: Material, seed: int, epochs: int) -> float:
    """The lesson's loop's validation loss at its end, at half teacher forcing as in the lesson."""
    lesson = LessonLoop(material, seed, as_timed=False)
    for number in range(epochs * lesson.batches):
        lesson.step(number % lesson.batches, 0.5)
    return lesson.valid_loss(material.valid)


def our_loss(material: Material, config: TrainConfig) -> float:
    """Ours after the epochs of the config."""
    machine = Machine.for_config(config)
    loop = OurLoop(material, config, machine)
    steps = config.epochs * math.ceil(len(material.train) / config.batch_size)
    for step in range(steps):
        if config.schedule == "linear":
            for group in loop.optimizer.param_groups:
                group["lr"] = config.learning_rate * (1 - step / steps)
        loop.step()
    return mean_loss(loop.model, material.valid, 128, machine.device)


TEN_WORDS = "我昨天在学校图书馆认真学习机器学习。"


def decoding(run: Run, rounds: int, threads: int) -> Iterator[str]:
    """How long a run takes to translate: one sentence with its whole trace, and a thousand in a batch."""
    torch.set_num_threads(threads or DEFAULT_THREADS)
    translator = Translator.load(run)
    sentences = [source for source, _ in load_corpus(run).split(run.config.split_seed).test][:1000]
    words = len(translator.cut(TEN_WORDS))
    singles, batched = [], []
    for _ in range(max(2, rounds)):
        begin = time.perf_counter()
        steps = len(translator.trace(TEN_WORDS).steps)
        singles.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        translator.translate(sentences)
        batched.append(time.perf_counter() - begin)
    yield f"run {run.name}, {torch.get_num_threads()} threads, medians of {max(2, rounds) - 1} rounds"
    yield f"greedy trace with its candidates, {words} words read, {steps} steps: {statistics.median(singles[1:]) * 1e3:.1f} ms"
    yield f"{len(sentences):,} sentences in batches, greedy: {statistics.median(batched[1:]):.2f} s"
