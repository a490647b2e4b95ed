"""A finished run in words: the README in its folder, and the command that makes it again."""

import shlex

from core.config import FILES, NO_OPTIONS, TrainConfig, preset
from core.runs import FINISHED, Run
from core.scoring import Evaluation, Measures
from core.training import Training

FURTHER_SCORES = ("- By beam search", "- Read back")  # how the card's lines after the first score begin


def card(training: Training, scores: Evaluation) -> str:
    """The run's README: what it is, how to make it again, how good it is, and whose sentences it learnt from."""
    config, material = training.config, training.material
    status = training.status(FINISHED, 0.0)
    changes = "".join(
        f"\n- At step {row['at_step']:,} {row['change']} was changed from {row['from']:g} to {row['to']:g}."
        for row in training.run.changes()
    )
    changes = f"\nChanged on the way, so this command alone does not make it again:\n{changes}\n" if changes else ""
    kept = "the last" if config.keep == "last" else "with the lowest loss on unseen sentences"
    added = f" Of these pairs {len(material.added):,} are added ones, beside the corpus." if config.added else ""
    return f"""# {training.run.name}

A {direction(config)}Seq2Seq model of Seq2Seq Playground, preset `{config.preset}`, {status.parameters:,} parameters.

- Trained on {status.training_pairs:,} sentence pairs ({config.corpus}), {training.epoch} epochs in \
{training.seconds / 60:.1f} minutes ({status.device}, {status.precision}, threads: {status.threads}); kept are the weights of epoch {training.kept_epoch}, {kept}.{added}
- Vocabularies: {len(material.source_vocab):,} source and {len(material.target_vocab):,} target words, from the training side alone.
{score_lines(scores)}

Made by:

    {command_line(training.run, config)}
{changes}
{material.attribution}
"""


def score_lines(scores: Evaluation) -> str:
    """The card's lines on how good the run is."""
    greedy = (
        f"- Score on its own test split, {scores.sentences:,} pairs that training never saw, greedy: "
        f"BLEU {_scored(scores, 'bleu')}, lowercased {_scored(scores, 'bleu_lowercase')}, "
        f"chrF {_scored(scores, 'chrf')}; in brackets the 95% interval (sacreBLEU `{scores.signature}`)."
    )
    if scores.beam is None:
        return greedy
    lines = [greedy, f"- By beam search of width {scores.beam_width}: {_lowercased(scores.beam)}"]
    if scores.read_back is not None:
        lines.append(f"- Read back by the reverse model in `reverse/`: {_lowercased(scores.read_back)}")
    return "\n".join(lines)


def _lowercased(scores: Measures) -> str:
    return f"BLEU lowercased {_scored(scores, 'bleu_lowercase')}, chrF {_scored(scores, 'chrf')}."


def _scored(scores: Measures, measure: str) -> str:
    low, high = scores.intervals[measure]
    return f"{getattr(scores, measure):.1f} [{low:.1f}, {high:.1f}]"


def direction(config: TrainConfig) -> str:
    """`Chinese→English `, as far as the settings tell; own sentences in word pieces or characters may be anything."""
    named = {"jieba": "Chinese", "spacy": "English"}
    source, target = named.get(config.source_tokenizer), named.get(config.target_tokenizer)
    if config.corpus != FILES:
        source, target = "Chinese", "English"
    return f"{source}→{target} " if source and target else ""


def command_line(run: Run, config: TrainConfig) -> str:
    """The command that makes this run again; only what differs from its preset is named."""
    base = preset(config.preset)
    words = ["python", "-m", "core", "train", "--preset", config.preset, "--run", f"checkpoints/{run.name}"]
    for key, value in config.to_dict().items():
        if key in NO_OPTIONS or value == getattr(base, key):
            continue
        if key == "corpus" and value == FILES:
            words += ["--tsv", f"checkpoints/{run.name}/pairs.tsv"]
        elif isinstance(value, bool):
            words.append(f"--{'' if value else 'no-'}{key.replace('_', '-')}")
        else:
            words += [f"--{key.replace('_', '-')}", str(value)]
    if config.added:
        words += ["--add", f"checkpoints/{run.name}/added.tsv"]
    return shlex.join(words)
