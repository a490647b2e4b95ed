"""What can be set for a training run: every field with its default, range and meaning, and the presets."""

import dataclasses
from dataclasses import dataclass
from typing import Any, Self

from core.problems import Problem

AUTO = "auto"
FILES = "files"

# Translated at every epoch, so that one sees a run learn. Written for this project.
PINNED = (
    "我喜欢学习机器学习。",
    "今天天气很好。",
    "你叫什么名字？",
    "我想喝一杯咖啡。",
    "他昨天没来上班。",
    "如果明天下雨，我们就不去了。",
)


def option(
    default: Any, help: str, *, low: float | None = None, high: float | None = None, choices: tuple[str, ...] = ()
) -> Any:
    """A dataclass field that knows its range or its choices (both checked by `Checked`) and its meaning."""
    return dataclasses.field(default=default, metadata={"help": help, "low": low, "high": high, "choices": choices})


class Checked:
    """A frozen dataclass of `option`s: wrong values and unknown keys raise Problem, naming the mend."""

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):  # type: ignore[arg-type]
            self._check(item, getattr(self, item.name))

    def _check(self, item: "dataclasses.Field[Any]", value: Any) -> None:
        low, high, choices = (item.metadata.get(key) for key in ("low", "high", "choices"))
        if choices and value not in choices:
            allowed = ", ".join(choices)
            raise Problem(
                f"{item.name} must be one of {allowed}, got {value!r}",
                f"{item.name} 只能是 {allowed} 之一，现在是 {value!r}",
            )
        kind = type(item.default)
        right_kind = isinstance(value, (int, float) if kind is float else kind)
        if not right_kind or (kind is not bool and isinstance(value, bool)):
            raise Problem(
                f"{item.name} must be of type {kind.__name__}, got {value!r}",
                f"{item.name} 的类型应是 {kind.__name__}，现在是 {value!r}",
            )
        # Written so that NaN, which is neither below nor above, fails too.
        if low is not None and high is not None and not low <= value <= high:
            raise Problem(
                f"{item.name} must be {low:,} to {high:,}, got {value:,}",
                f"{item.name} 必须在 {low:,} 到 {high:,} 之间，现在是 {value:,}",
            )

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        known = {item.name for item in dataclasses.fields(cls)}  # type: ignore[arg-type]
        unknown = sorted(set(values) - known)
        if unknown:
            raise Problem(
                f"unknown setting {unknown[0]!r}; known: {', '.join(sorted(known))}",
                f"没有名为 {unknown[0]!r} 的设置，可用的有：{', '.join(sorted(known))}",
            )
        return cls(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)  # type: ignore[call-overload,no-any-return]


@dataclass(frozen=True)
class Architecture(Checked):
    """The shape of a model, apart from the sizes of its vocabularies. The defaults are the lesson's."""

    cell: str = option("gru", "recurrent cell", choices=("rnn", "lstm", "gru"))
    embedding: int = option(256, "numbers a word is turned into", low=4, high=2048)
    hidden: int = option(512, "numbers in a recurrent state", low=4, high=4096)
    layers: int = option(2, "recurrent layers in encoder and in decoder", low=1, high=8)
    dropout: float = option(0.5, "share of activations dropped while training", low=0.0, high=0.95)
    word_dropout: float = option(
        0.0,
        "share of words whose whole embedding is dropped while training (Gal & Ghahramani, 2016)",
        low=0.0,
        high=0.95,
    )
    bidirectional: bool = option(False, "the encoder reads in both directions, half the hidden size each")
    attention: str = option("none", "how the decoder looks back", choices=("none", "dot", "general", "additive"))
    tied_output: bool = option(False, "the output layer shares the target embedding's weights")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.bidirectional and self.hidden % 2:
            raise Problem(
                f"hidden must be even for a bidirectional encoder, got {self.hidden}",
                f"编码器双向时 hidden 必须是偶数，现在是 {self.hidden}",
            )


@dataclass(frozen=True)
class TrainConfig(Architecture):
    """Everything that decides how a run is trained; `config.json` of a run holds exactly these fields."""

    preset: str = option(
        "lesson", "the preset that this configuration began from", choices=("lesson", "attention", "pieces", "tiny")
    )
    corpus: str = option("tatoeba", "tatoeba, hsk, tatoeba+hsk, or files for one's own")
    pairs: int = option(0, "training pairs to use; 0 is all", low=0, high=1_000_000_000)
    added: int = option(
        0, "pairs in the run's added.tsv, learnt beside the training side and never held out", low=0, high=1_000_000_000
    )
    source_tokenizer: str = option(
        "jieba", "how source sentences are cut", choices=("jieba", "spacy", "characters", "pieces")
    )
    target_tokenizer: str = option(
        "spacy", "how target sentences are cut", choices=("jieba", "spacy", "characters", "pieces")
    )
    piece_sampling: float = option(
        0.0,
        "pieces only: cut training sentences anew each epoch; the smaller above 0, the wilder (Kudo, 2018); 0 is off",
        low=0.0,
        high=1.0,
    )
    max_size: int = option(
        10_000,
        "rows of each vocabulary at most, special tokens included; of word pieces one more",
        low=5,
        high=1_000_000,
    )
    min_freq: int = option(2, "a word seen less often in training is unknown", low=1, high=1_000_000)
    max_length: int = option(60, "training pairs with more tokens on a side are left out", low=1, high=1000)
    epochs: int = option(10, "passes over the training pairs", low=1, high=10_000)
    batch_size: int = option(32, "sentences a step", low=1, high=65_536)
    even_batches: bool = option(
        False, "as many words in each step in place of sentences; batch_size is then what a step has on average"
    )
    learning_rate: float = option(0.001, "Adam's step size", low=0.0, high=10.0)
    schedule: str = option(
        "constant", "learning rate over time; linear falls to 0 at the end", choices=("constant", "linear")
    )
    clip: float = option(1.0, "the gradient's norm is cut to this", low=0.001, high=1e9)
    teacher_forcing: float = option(
        0.5, "probability that a step is fed the true word before it, not its own guess", low=0.0, high=1.0
    )
    label_smoothing: float = option(0.0, "probability spread over all words in the training target", low=0.0, high=0.5)
    consistency: float = option(
        0.0,
        "how much it costs when two readings of a batch with different dropout disagree (R-Drop; Liang et al., 2021); "
        "0 reads once, else each step does twice the work",
        low=0.0,
        high=100.0,
    )
    keep: str = option(
        "loss",
        "whose weights the run keeps: of the epoch with the lowest loss on unseen sentences, or of the last one, whose BLEU is often "
        "higher where the learning rate falls to 0",
        choices=("loss", "last"),
    )
    early_stop: str = option(
        "never",
        "end before the last epoch once this is no better on unseen sentences: loss or bleu",
        choices=("never", "loss", "bleu"),
    )
    patience: int = option(3, "epochs without anything better before an early stop", low=1, high=1000)
    seed: int = option(1, "the same seed gives the same run again", low=0, high=2**31 - 1)
    split_seed: int = option(1, "which sentences are held out", low=0, high=2**31 - 1)
    device: str = option(
        AUTO, "where to train; auto takes CUDA, else MPS, else CPU", choices=(AUTO, "cpu", "cuda", "mps")
    )
    precision: str = option(
        AUTO, "numbers in matrix products; auto measures which is faster", choices=(AUTO, "float32", "bfloat16")
    )
    threads: int = option(0, "CPU threads; 0 is one for each core", low=0, high=1024)
    pinned: tuple[str, ...] = option(PINNED, "sentences translated at every epoch")
    based_on: str = option("", "the run whose settings this one began from")

    def differences(self, other: "TrainConfig") -> list[tuple[str, Any, Any]]:
        """What another run changes: the field, the value here, the value there. What the machine chose, and which
        sentences are followed, changes nothing about what is learnt and is left out."""
        aside = ("preset", "based_on", "pinned", "device", "precision", "threads")
        pairs = ((key, value, getattr(other, key)) for key, value in self.to_dict().items() if key not in aside)
        return [(key, mine, its) for key, mine, its in pairs if mine != its]


# Fields that are no options of the command line: they are not numbers to turn, or have an argument of their own.
NO_OPTIONS = ("preset", "pinned", "based_on", "added")


PRESETS: dict[str, dict[str, Any]] = {
    # The lesson's sizes and settings, as published.
    "lesson": {},
    # One bidirectional layer and attention in place of a second layer: better and quicker. Embeddings of twice the
    # lesson's width, for the output layer shares them: no other change gave as much (see BENCHMARKS.md).
    "attention": {
        "embedding": 512,
        "layers": 1,
        "dropout": 0.3,
        "bidirectional": True,
        "attention": "dot",
        "tied_output": True,
        "teacher_forcing": 1.0,
        "batch_size": 128,
        "learning_rate": 0.003,
        "schedule": "linear",
        "label_smoothing": 0.1,
        "keep": "last",
    },
    # Word pieces cut anew each epoch, so that nothing is unknown and little is learnt by heart: slower, and a little better.
    "pieces": {
        "embedding": 512,
        "hidden": 768,
        "layers": 1,
        "dropout": 0.4,
        "bidirectional": True,
        "attention": "dot",
        "tied_output": True,
        "source_tokenizer": "pieces",
        "target_tokenizer": "pieces",
        "piece_sampling": 0.35,
        "max_size": 6000,
        "min_freq": 1,
        "teacher_forcing": 1.0,
        "batch_size": 128,
        "learning_rate": 0.003,
        "schedule": "linear",
        "label_smoothing": 0.1,
        "epochs": 14,
        "keep": "last",
    },
    # A first look, in seconds: shows the mechanics, learns little.
    "tiny": {
        "embedding": 64,
        "hidden": 64,
        "layers": 1,
        "dropout": 0.1,
        "attention": "dot",
        "teacher_forcing": 1.0,
        "pairs": 2000,
        "epochs": 5,
        "learning_rate": 0.005,
    },
}


def preset(name: str, **changes: Any) -> TrainConfig:
    """The preset of that name with some fields changed. Raises Problem for an unknown name, key or value."""
    if name not in PRESETS:
        known = ", ".join(PRESETS)
        raise Problem(f"unknown preset {name!r}; known: {known}", f"没有名为 {name!r} 的预设，可用的有：{known}")
    return TrainConfig.from_dict({"preset": name, **PRESETS[name], **changes})
