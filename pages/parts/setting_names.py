"""What the settings of a run are called for people."""

from typing import Any

from pages.parts.language import t


def setting_name(name: str) -> str:
    """The setting's label; one that has none yet keeps its name in the code."""
    return {
        "cell": t("recurrent cell", "循环单元"),
        "embedding": t("embedding size", "词向量维度"),
        "hidden": t("hidden size", "隐藏层维度"),
        "layers": t("layers", "层数"),
        "dropout": "dropout",
        "bidirectional": t("both directions", "双向编码器"),
        "attention": t("attention", "注意力"),
        "tied_output": t("tied output", "输出层共享权重"),
        "preset": t("preset", "预设"),
        "corpus": t("sentences", "语料"),
        "pairs": t("training pairs, at most", "训练句对上限"),
        "source_tokenizer": t("source cut by", "原文分词"),
        "target_tokenizer": t("target cut by", "译文分词"),
        "piece_sampling": t("piece sampling", "子词采样"),
        "max_size": t("vocabulary, at most", "词表大小上限"),
        "min_freq": t("least count of a word", "词的最低出现次数"),
        "max_length": t("longest sentence", "句子最长词数"),
        "epochs": t("epochs", "训练轮次"),
        "batch_size": t("batch size", "批大小"),
        "learning_rate": t("learning rate", "学习率"),
        "schedule": t("learning rate over time", "学习率变化"),
        "clip": t("gradient clipped at", "梯度裁剪"),
        "teacher_forcing": t("teacher forcing", "教师强制"),
        "label_smoothing": t("label smoothing", "标签平滑"),
        "early_stop": t("early stop by", "提前停止"),
        "patience": t("patience", "耐心轮数"),
        "seed": t("seed", "随机种子"),
        "split_seed": t("split seed", "划分种子"),
        "device": t("device", "设备"),
        "precision": t("precision", "精度"),
        "threads": t("threads", "线程数"),
        "pinned": t("sentences followed", "观察的句子"),
        "based_on": t("began from run", "起始于运行"),
    }.get(name, name)


def setting_value(name: str, value: Any) -> str:
    """`yes`, `0.002`, `10,000`, `none`."""
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
    return {"none": t("none", "无"), "never": t("never", "不提前"), "files": t("own files", "自己的文件")}.get(
        str(value), str(value) or "–"
    )
