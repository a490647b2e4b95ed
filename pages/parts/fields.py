"""The settings of a run in the words of people: one name for each field of TrainConfig, wherever it is shown."""

from collections.abc import Sequence
from typing import Any

from core.config import TrainConfig
from pages.parts.language import t


def field_label(name: str) -> str:
    """What the field is called; a field without a name of its own is called as in config.json."""
    return {
        "cell": t("recurrent cell", "循环单元"),
        "embedding": t("embedding size", "词向量维度"),
        "hidden": t("hidden size", "隐藏层维度"),
        "layers": t("layers", "层数"),
        "dropout": "dropout",
        "word_dropout": t("dropout of whole words", "整词 dropout"),
        "attention": t("attention", "注意力"),
        "bidirectional": t("encoder reads in both directions", "编码器双向阅读"),
        "tied_output": t("output shares the target embedding", "输出层与目标词向量共享权重"),
        "preset": t("preset", "预设"),
        "corpus": t("sentences", "语料"),
        "pairs": t("training pairs", "训练句对"),
        "added": t("pairs added to these", "另加的句对"),
        "source_tokenizer": t("source is cut by", "原文的分词方式"),
        "target_tokenizer": t("target is cut by", "译文的分词方式"),
        "piece_sampling": t("cut pieces anew (sampling)", "子词随机切分"),
        "max_size": t("vocabulary size, at most", "词表大小上限"),
        "min_freq": t("least count of a word", "词的最低出现次数"),
        "max_length": t("longest sentence, in words", "句子最长词数"),
        "epochs": t("epochs", "训练轮次"),
        "batch_size": t("batch size", "批大小"),
        "even_batches": t("batches with equally many words", "每批词数相同"),
        "learning_rate": t("learning rate", "学习率"),
        "schedule": t("learning rate over time", "学习率怎样变化"),
        "clip": t("gradient norm is cut to", "梯度范数裁剪到"),
        "teacher_forcing": t("teacher forcing", "教师强制"),
        "label_smoothing": t("label smoothing", "标签平滑"),
        "consistency": t("agreement of two readings (R-Drop)", "两遍一致性（R-Drop）"),
        "keep": t("keep the weights by", "按什么保留权重"),
        "early_stop": t("stop early by", "按什么提前结束"),
        "patience": t("patience, in epochs", "等几个训练轮次"),
        "seed": t("seed", "随机种子"),
        "split_seed": t("seed of the split", "划分的随机种子"),
        "threads": t("CPU threads", "CPU 线程数"),
        "device": t("device", "设备"),
        "precision": t("precision", "精度"),
        "pinned": t("sentences followed", "观察的句子"),
        "based_on": t("began from run", "起始于运行"),
    }.get(name, name)


def field_value(name: str, value: Any) -> str:
    """`yes`, `0.002`, `10,000`, `none`: the field's value; a word that has no translation stays as in config.json."""
    if name == "pairs" and value == 0:
        return t("all", "全部")
    if isinstance(value, bool):
        return t("yes", "是") if value else t("no", "否")
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, tuple):
        return t(f"{len(value)} sentences", f"{len(value)} 句")
    return {
        "none": t("none", "无"),
        "never": t("never", "不提前"),
        "files": t("own files", "自己的文件"),
        "constant": t("constant", "常数"),
        "linear": t("linear", "线性"),
        "dot": t("dot", "点积"),
        "additive": t("additive", "加性"),
        "loss": t("validation loss", "验证损失"),
        "last": t("last epoch", "最后一轮"),
        "bleu": "BLEU",
        "gru": "GRU",
        "lstm": "LSTM",
        "rnn": "RNN",
        "characters": t("characters", "逐字"),
        "pieces": t("pieces", "子词"),
        "auto": t("auto", "自动"),
    }.get(value, value or "–")  # fmt: skip


def course_value(name: str, values: Sequence[Any]) -> str:
    """`0.005 → 0.001`: a setting's value and those it was changed to on the way (core.comparison.course)."""
    return " → ".join(field_value(name, value) for value in values)


def differences(old: TrainConfig, new: TrainConfig) -> str:
    """`teacher forcing 0.5 → 1`, … : what the second changes; empty where nothing."""
    return " · ".join(
        f"{field_label(name)} {field_value(name, before)} → {field_value(name, after)}"
        for name, before, after in old.differences(new)
    )
