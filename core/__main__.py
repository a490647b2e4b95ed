"""The command line: train, translate, evaluate, pairs, reverse, compact, table, benchmark."""

import argparse
import dataclasses
import io
import json
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.config import FILES, NO_OPTIONS, PRESETS, TrainConfig, preset
from core.problems import Problem, count_of
from core.processes import wait_briefly
from core.runs import Run

if TYPE_CHECKING:
    from core.beam import BeamTrace
    from core.decode import DecodeTrace
    from core.train import Event

LARGE = 50 * 2**20  # bytes; a person's files above this are read line by line


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, 2 where something is wrong that the person can mend, 130 after Ctrl-C."""
    options = parser().parse_args(arguments)
    if options.command is not benchmark_command:  # the lesson's loop is timed as torch comes
        wait_briefly()
    try:
        status: int = options.command(options)
        return status
    except Problem as problem:
        print(f"error: {problem.en}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        return 0
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m core", description="Train and use a Chinese→English Seq2Seq model.")
    commands = top.add_subparsers(
        required=True, metavar="train|translate|evaluate|pairs|reverse|compact|table|benchmark"
    )
    add_train(commands.add_parser("train", help="train a model", description=train_command.__doc__))
    translate = commands.add_parser("translate", help="translate", description=translate_command.__doc__)
    translate.add_argument("--run", type=Path, required=True, help="the run's folder, as checkpoints/NAME")
    translate.add_argument(
        "--beam", type=int, default=1, metavar="WIDTH", help="beam search of this width, 1 to 10; 1 (default) is greedy"
    )
    translate.add_argument(
        "--read-back",
        action="store_true",
        help="of what the search finds, what fits best in both directions; with --beam 2 to 20, 20 by default",
    )
    translate.add_argument("--json", action="store_true", help="print the whole trace, one JSON object a line")
    translate.add_argument("sentences", nargs="*", metavar="SENTENCE", help="without one, lines of standard input")
    translate.set_defaults(command=translate_command)
    evaluate = commands.add_parser("evaluate", help="score a run", description=evaluate_command.__doc__)
    evaluate.add_argument("--run", type=Path, required=True, help="the run's folder, as checkpoints/NAME")
    evaluate.add_argument("file", type=Path, nargs="?", metavar="FILE.tsv", help="source, tab, reference on each line")
    evaluate.add_argument("--beam", type=int, default=5, help="width of beam search (default 5); 0 is greedy alone")
    evaluate.add_argument("--json", action="store_true", help="print all numbers as JSON")
    evaluate.add_argument("--save", action="store_true", help="write scores.json and test_outputs.jsonl into the run")
    evaluate.add_argument("--quiet", action="store_true", help="print nothing")
    evaluate.set_defaults(command=evaluate_command)
    pairs = commands.add_parser("pairs", help="write training pairs", description=pairs_command.__doc__)
    pairs.add_argument("--corpus", required=True, help="tatoeba, hsk or tatoeba+hsk")
    pairs.add_argument("--split-seed", type=int, default=1, help="which sentences are held out (default 1)")
    pairs.add_argument("--run", type=Path, help="the folder of the run that translates; without one, as they are")
    pairs.add_argument("--beam", type=int, default=3, metavar="WIDTH", help="width of the run's search (default 3)")
    pairs.add_argument(
        "--least",
        type=float,
        default=0.0,
        metavar="CHRF",
        help="of the run's translations, leave out those with less chrF, 0 to 100, against the true ones (default 0)",
    )
    pairs.add_argument("--swap", action="store_true", help="the other way round; the run translates the targets")
    pairs.add_argument("--out", type=Path, required=True, metavar="FILE", help="source, tab, target on each line")
    pairs.set_defaults(command=pairs_command)
    reverse = commands.add_parser("reverse", help="let a run read back", description=reverse_command.__doc__)
    reverse.add_argument("--run", type=Path, required=True, help="the run's folder, as checkpoints/NAME")
    reverse.add_argument("--by", type=Path, required=True, metavar="RUN", help="the run that learnt the other way")
    reverse.set_defaults(command=reverse_command)
    small = commands.add_parser("compact", help="make a run small", description=compact_command.__doc__)
    small.add_argument("--run", type=Path, required=True, help="a finished run's folder, as checkpoints/NAME")
    small.set_defaults(command=compact_command)
    table = commands.add_parser("table", help="a table of scored runs", description=table_command.__doc__)
    table.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="the runs' folders, as checkpoints/NAME")
    table.set_defaults(command=table_command)
    benchmark = commands.add_parser("benchmark", help="time training", description=benchmark_command.__doc__)
    benchmark.add_argument("--pairs", type=int, default=10_000, help="training pairs of Tatoeba (default 10,000)")
    benchmark.add_argument("--rounds", type=int, default=5, help="turns of each loop; medians are printed (default 5)")
    benchmark.add_argument("--threads", type=int, default=0, help="CPU threads; 0 (default) is all cores")
    benchmark.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto", help="where ours trains")
    benchmark.add_argument("--quality", action="store_true", help="validation losses of both after the same epochs")
    benchmark.add_argument("--decoding", type=Path, metavar="RUN", help="how long this run takes to translate")
    benchmark.add_argument("--epochs", type=int, default=10, help="with --quality: epochs (default 10)")
    benchmark.add_argument(
        "--seeds", type=int, nargs="+", default=[1, 2, 3], help="with --quality: which seeds (default 1 2 3)"
    )
    benchmark.add_argument("--scale", action="store_true", help="memory of encoding and of an epoch, as pairs grow")
    sizes = (100_000, 1_000_000)
    benchmark.add_argument(
        "--scale-pairs", type=int, nargs="+", default=sizes, metavar="N", help="with --scale: how many"
    )
    benchmark.set_defaults(command=benchmark_command)
    return top


def add_train(command: argparse.ArgumentParser) -> None:
    command.add_argument("--run", type=Path, required=True, help="the run's folder, as checkpoints/NAME")
    command.add_argument("--preset", dest="preset", choices=tuple(PRESETS), help="where the settings below begin")
    command.add_argument("--source", type=Path, metavar="FILE", help="your own sentences, one a line")
    command.add_argument("--target", type=Path, metavar="FILE", help="their translations, line by line")
    command.add_argument("--tsv", type=Path, metavar="FILE", help="or both in one file: source, tab, target")
    command.add_argument(
        "--add",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        metavar="FILE",
        help="pairs to learn beside the training side, source, tab, target, as `pairs` writes them; never held out. "
        "Left out are those with a sentence that is held out",
    )
    command.add_argument(
        "--resume", action="store_true", help="go on where a run stood; with --epochs, to so many in all"
    )
    command.add_argument("--quiet", action="store_true", help="print nothing; train.log has it all")
    settings = command.add_argument_group("settings (default: the preset's)")
    for item in dataclasses.fields(TrainConfig):
        flag = "--" + item.name.replace("_", "-")
        text = item.metadata["help"].replace("%", "%%")
        if item.name in NO_OPTIONS:
            continue
        if isinstance(item.default, bool):
            settings.add_argument(flag, action=argparse.BooleanOptionalAction, default=None, help=text)
        else:
            kind = type(item.default)
            choices = item.metadata["choices"] or None
            low, high = item.metadata["low"], item.metadata["high"]
            limits = "" if low is None else f" ({low:g} to {high:,g})"
            metavar = None if choices else kind.__name__.upper()
            settings.add_argument(flag, type=kind, choices=choices, default=None, help=text + limits, metavar=metavar)
    command.set_defaults(command=train_command)


def read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Problem(
            f"Cannot read {path} ({error.strerror}). Check the path.",
            f"读不了 {path}（{error.strerror}）。请检查路径。",
        ) from error


def chosen(options: argparse.Namespace) -> dict[str, Any]:
    """The settings that the command line names."""
    return {
        item.name: getattr(options, item.name)
        for item in dataclasses.fields(TrainConfig)
        if item.name not in NO_OPTIONS and getattr(options, item.name) is not None
    }


def new_run(options: argparse.Namespace) -> Run:
    """A fresh run from the command line's settings."""
    from core import corpus

    changes = chosen(options)
    pairs = own_pairs(options)
    if pairs is not None:
        changes["corpus"] = FILES
    config = preset(options.preset or "lesson", **changes)
    if config.corpus == FILES and pairs is None:
        raise Problem(
            "Give your files: --source and --target, or --tsv.", "请给出文件：--source 和 --target，或 --tsv。"
        )
    if pairs is None:
        corpus.files_of(config.corpus)  # said here, before there is a folder
    added = [pair for path in options.add for pair in corpus.from_tsv(read_bytes(path), path.name)]
    return Run.create(options.run, config, pairs, added)


def own_pairs(options: argparse.Namespace) -> Iterable[tuple[str, str]] | None:
    """The pairs of the person's files, those of large ones not held in memory; None where none are given."""
    from core import corpus

    files = [options.tsv] if options.tsv else [path for path in (options.source, options.target) if path]
    if not files:
        return None
    if not options.tsv and len(files) == 1:
        raise Problem("--source and --target belong together: give both.", "--source 和 --target 要一起给。")
    if all(path.is_file() for path in files) and sum(path.stat().st_size for path in files) > LARGE:
        return corpus.from_large_files(*files)
    contents = [read_bytes(path) for path in files]
    if options.tsv:
        return corpus.from_tsv(contents[0], options.tsv.name)
    return corpus.from_aligned(contents[0], contents[1], files[0].name, files[1].name)


def train_command(options: argparse.Namespace) -> int:
    """Train a model into a new folder, with a progress bar. Ctrl-C stops and keeps the best weights."""
    from filelock import Timeout

    run = Run(options.run)
    if options.resume:
        epochs = run.config.epochs  # raises where there is no run
        if given := [name for name in ("preset", "source", "target", "tsv", "add") if getattr(options, name)] + [
            name for name in chosen(options) if name != "epochs"
        ]:
            flags = ", ".join(f"--{name.replace('_', '-')}" for name in given)
            raise Problem(
                f"A run goes on with the settings that it began with; only --epochs can change. Leave out {flags}.",
                f"继续训练沿用原来的设置，只有 --epochs 可以改。请去掉 {flags}。",
            )
        if options.epochs is not None and options.epochs != epochs:
            run.plan(options.epochs)
    elif not _waits(run):
        run = new_run(options)
    try:
        lock = run.lock().acquire(timeout=5)
    except Timeout:
        raise Problem(f"Run {run.name!r} is being trained already.", f"运行 {run.name!r} 已经在训练。") from None
    with lock:
        from core.train import train

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: _ask_to_stop(run))
        percent = Percent(options.quiet)
        show(run, percent.before(train(run, options.resume, percent)), options.quiet)
    return 0


def _ask_to_stop(run: Run) -> None:
    """The first Ctrl-C lets the step end and keeps the best weights; a second one ends at once."""
    if run.stop_requested:
        raise KeyboardInterrupt
    run.request_stop()


def _waits(run: Run) -> bool:
    """True if the page made this run and now starts it: it has a config and has not begun."""
    return (run.folder / "config.json").exists() and run.status().state == "waiting"


class Percent:
    """How much is done of work without steps of its own, and about how long the rest takes, as a line of a terminal."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._bar: Any = None

    def __call__(self, share: float, stage: str = "scoring") -> None:
        if self._bar is None:
            from tqdm import tqdm

            look = "{desc}: {percentage:3.0f}%|{bar}| {remaining} left"
            # Where nobody looks on (None), as in a pipe, nothing is drawn.
            self._bar = tqdm(total=100, bar_format=look, leave=False, file=sys.stderr, disable=self._quiet or None)
        self._bar.set_description_str(stage, refresh=False)
        self._bar.update(100 * share - self._bar.n)
        if share >= 1:
            self.close()

    def close(self) -> None:
        """Work that is over earlier than expected, as where its result was kept, leaves nothing behind."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def before(self, events: "Iterable[Event]") -> "Iterator[Event]":
        """The events; with each of them the work before it is over."""
        for event in events:
            self.close()
            yield event


def show(run: Run, events: "Iterable[Event]", quiet: bool) -> None:
    """Write what happens to train.log and, unless quiet, to the screen with a progress bar."""
    from tqdm import tqdm

    from core.train import Changed, Ended, EpochEnded, Paused, Prepared, Stepped

    def say(text: str) -> None:
        run.log(text)
        if not quiet:
            tqdm.write(text, file=sys.stdout)
            sys.stdout.flush()

    bar = None
    for event in events:
        if isinstance(event, Prepared):
            given = run.config.added
            added = f", {event.added:,} of them of the {given:,} added" if given else ""
            if given > event.added:
                added += " (the others are learnt already, held out or too long)"
            say(
                f"{event.pairs:,} pairs{added} · {event.source_words:,} source and {event.target_words:,} target words · "
                f"{event.parameters:,} parameters · {event.device}, {event.precision}, {count_of(event.threads, 'thread')}"
            )
            bar = tqdm(total=event.steps, initial=event.step, unit="step", disable=quiet, file=sys.stderr)
        elif isinstance(event, Stepped) and bar is not None:
            bar.update()
            bar.set_postfix_str(f"loss {event.loss:.2f}, {event.tokens_per_second:,.0f} tokens/s", refresh=False)
        elif isinstance(event, Changed):
            row = event.row
            say(f"step {row['at_step']:,}: {row['change']} from {row['from']:g} to {row['to']:g}")
        elif isinstance(event, Paused):
            say(f"paused at step {event.step:,}")
        elif isinstance(event, EpochEnded):
            row = event.row
            say(
                f"epoch {event.epoch}: train {row['train_loss']:.3f}, valid {row['valid_loss']:.3f}, "
                f"BLEU {row['bleu']:.2f}, {row['train_seconds']:.1f} s, {row['tokens_per_second']:,.0f} tokens/s"
                + (" *" if event.best else "")
            )
        elif isinstance(event, Ended):
            if bar is not None:
                bar.close()
            if event.stopped:
                say(f"stopped; the best weights are in {run.folder}. Go on with --resume.")
            elif event.scores is not None:
                scores = event.scores
                say(
                    f"test: BLEU {scores.bleu:.2f}, lowercased {scores.bleu_lowercase:.2f}, chrF {scores.chrf:.2f} "
                    f"on {scores.sentences:,} unseen pairs · {run.folder}"
                )


def translate_command(options: argparse.Namespace) -> int:
    """Translate sentences given as arguments, or the lines of standard input, one line each."""
    from core import read_back
    from core.beam import MAX_WIDTH, check_width
    from core.translator import Translator

    translator = Translator.load(Run(options.run))
    check_width(options.beam, read_back.WIDTH if options.read_back else MAX_WIDTH)
    if options.read_back:
        read_back.reverse_of(translator)  # said before the first sentence
        if options.beam == 1:
            options.beam = read_back.WIDTH
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")
    status = 0
    for line in options.sentences or sys.stdin:
        try:
            text = line.rstrip("\r\n")
            trace: DecodeTrace | BeamTrace | read_back.Readings
            if options.read_back:
                trace = read_back.read_back_one(translator, text, width=options.beam)
                sentence = trace.best[0].sentence
            elif options.beam == 1:
                trace = translator.trace(text)
                sentence = trace.sentence
            else:
                trace = translator.beam(text, options.beam)
                sentence = trace.best[0].sentence
        except Problem as problem:
            # One bad line does not end the stream, and its line stays empty so that the others keep their place.
            print(f"error: {problem.en}", file=sys.stderr)
            print("{}" if options.json else "", flush=True)
            status = 2
            continue
        print(json.dumps(trace.to_dict(), ensure_ascii=False) if options.json else sentence, flush=True)
    return status


def evaluate_command(options: argparse.Namespace) -> int:
    """Score a run on its own test split, or on a file of source–reference pairs: BLEU and chrF with intervals, by
    source length and by share of unknown words; for greedy decoding, for beam search, and where the run has a reverse
    model, read back."""
    from core import corpus
    from core.beam import check_width
    from core.evaluation import evaluate
    from core.report import evaluation_lines
    from core.scorer import evaluate_run, score_and_save
    from core.translator import Translator

    run = Run(options.run)
    if options.beam:
        check_width(options.beam)
    if options.file and options.save:
        raise Problem(
            "--save belongs to the run's own test split: leave the file out.", "--save 只用于运行自己的测试集。"
        )
    if run.reverse.folder.is_dir():
        try:
            Translator.load(run.reverse)
        except Problem as problem:
            print(f"warning: not read back. Of the reverse model: {problem.en}", file=sys.stderr)
    percent = Percent(options.quiet)
    if options.save:
        evaluation = score_and_save(run, options.beam, percent)
    elif options.file:
        translator = Translator.load(run)
        target = translator.target_tokenizer
        read = corpus.sifted_tsv(read_bytes(options.file), options.file.name)
        if without := read.empty + read.repeated:
            gave_none = f"{count_of(without, 'line')} of {options.file.name} gave no pair"
            print(f"{gave_none}: no tab, an empty side, or a pair that stood there before", file=sys.stderr)
        # References pass through the same cutting and joining, so `do n't` in the file costs nobody points.
        pairs = [(source, target.detokenize(target.tokenize(reference))) for source, reference in read.pairs]
        evaluation, _ = evaluate(translator, pairs, options.beam, report=percent)
    else:
        evaluation, _ = evaluate_run(run, options.beam, percent)
    if options.json:
        print(json.dumps(dataclasses.asdict(evaluation), ensure_ascii=False, indent=1))
    elif not options.quiet:
        print("\n".join(evaluation_lines(evaluation)))
    return 0


def pairs_command(options: argparse.Namespace) -> int:
    """Write a corpus's training side to a file, as it is or as a run translates it, to be learnt beside it with `train
    --add`. With --swap and no run: for a run that learns to translate the other way, with `train --preset pieces
    --tsv`. With --swap and such a run: its translations stand first and the true targets second."""
    from core import corpus
    from core.beam import check_width
    from core.diversify import check_direction, retold, swapped

    check_width(options.beam)
    if not 0 <= options.least <= 100:
        raise Problem("--least is a chrF from 0 to 100.", "--least 是 0 到 100 的 chrF 值。")
    # Said before the work rather than after it.
    if options.out.is_dir() or not options.out.parent.is_dir():
        raise Problem(
            f"Cannot write {options.out}: name a file in a folder that exists.",
            f"写不了 {options.out}：请给出一个已有文件夹里的文件名。",
        )
    run = Run(options.run) if options.run else None
    if run:
        run.config  # noqa: B018 - raises where there is no run
    pairs = list(corpus.load(options.corpus).split(options.split_seed).train)
    if options.swap:
        pairs = swapped(pairs)
    left = ""
    if run:
        from core.translator import Translator

        translator = Translator.load(run)
        check_direction(translator, pairs, run.name)
        different = len({source for source, _ in pairs})
        pairs = retold(translator, pairs, options.beam, options.least, Percent(False))
        left = f" of {different:,} different sentences"
        if not pairs:
            raise Problem(
                "No translation is good enough: each has an unknown word, or less chrF than --least.",
                "没有一个译文合格：都含有未登录词，或 chrF 低于 --least。",
            )
        if options.swap:
            pairs = swapped(pairs)
    try:
        corpus.save_pairs(pairs, options.out)
    except OSError as error:
        raise Problem(
            f"Cannot write {options.out} ({error.strerror}).", f"写不了 {options.out}（{error.strerror}）。"
        ) from error
    print(f"{len(pairs):,} pairs{left} · {options.out}")
    return 0


def reverse_command(options: argparse.Namespace) -> int:
    """Give a run a reverse model: a run that learnt the other way, on the training side alone (`pairs --swap` writes
    it). It is copied into the run's folder and reads translations back: of those that beam search finds, the one is
    chosen that is likely in both directions. The run is scored again."""
    from core.reverse import add_reverse

    scores = add_reverse(Run(options.run), Run(options.by))
    if scores.beam and scores.read_back:
        print(
            f"BLEU lowercased {scores.bleu_lowercase:.2f} greedy, {scores.beam.bleu_lowercase:.2f} by beam search, "
            f"{scores.read_back.bleu_lowercase:.2f} read back"
        )
    return 0


def table_command(options: argparse.Namespace) -> int:
    """Print a Markdown table of runs from their scores.json: size, training time, BLEU and chrF, a typical mistake."""
    from core.report import table_lines

    print("\n".join(table_lines([Run(folder) for folder in options.runs])))
    return 0


def compact_command(options: argparse.Namespace) -> int:
    """Keep a finished run in a quarter of the room: weights with eight bits a number, fewer points on its curves. It is
    scored again afterwards, and can no longer be trained on."""
    from core.compact import compact

    done = compact(Run(options.run))
    print(
        f"{done.before / 2**20:.1f} MB → {done.after / 2**20:.1f} MB · BLEU {done.scores.bleu:.2f}, "
        f"lowercased {done.scores.bleu_lowercase:.2f}, chrF {done.scores.chrf:.2f}"
    )
    return 0


def benchmark_command(options: argparse.Namespace) -> int:
    """Time the lesson's training loop and ours in turn, and this machine's matrix products, the limit of both."""
    from core.benchmark import decoding, measure, quality
    from core.scale import measure as measure_scale

    if options.scale:
        lines = measure_scale(options.scale_pairs)
    elif options.quality:
        lines = quality(options.pairs, options.epochs, options.seeds, options.threads)
    elif options.decoding:
        lines = decoding(Run(options.decoding), options.rounds, options.threads)
    else:
        lines = measure(options.pairs, options.rounds, options.threads, options.device)
    for line in lines:
        print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
