"""The time machine: the pinned sentences at each moment of a run, tied to a cursor on its curves. Two components, since
the curves change each second and the sentences seldom: what has not changed is not sent again."""

from typing import Any
from urllib.parse import urlencode

import streamlit as st

from core.runs import FINISHED, Status
from pages.parts.component import live_component
from pages.parts.history import SERIES, History
from pages.parts.language import language, t

_curves = live_component("curves", "curves")
_machine = live_component("timemachine", "machine")


def curves(name: str, history: History, status: Status, total: int, per_epoch: float) -> None:
    """Losses, BLEU and, on demand, rates, of the run of that name. total: epochs that the picture is wide."""
    data = {
        "run": name,
        "per_epoch": per_epoch,
        "total": total,
        "best": status.best_epoch,
        "curves": {series: history.curves[series].rows() for series in SERIES},
        "epochs": [
            {
                "epoch": row["epoch"],
                "train": row["train_loss"],
                "plain": row["train_loss_plain"],
                "valid": row["valid_loss"],
                "free": row["valid_loss_free"],
                "bleu": row["bleu"],
            }
            for row in _thinned(history.epochs)
        ],
        "changes": [
            {"what": row["change"], "at": row["at_step"], "from": row["from"], "to": row["to"]}
            for row in history.changes
            if row["change"] in ("learning_rate", "teacher_forcing", "epochs")
        ],
        "texts": _curve_texts(),
    }
    _curves(data=data, key=f"curves-{name}")


def _thinned(rows: list[dict[str, Any]], most: int = 400) -> list[dict[str, Any]]:
    """Of very many epochs every second, third, …, and the last."""
    stride = -(-len(rows) // most) or 1
    return [row for number, row in enumerate(rows) if number % stride == 0 or number == len(rows) - 1]


def time_machine(name: str, history: History, status: Status) -> None:
    """The sentences at the moment that the visitor chooses, one of them with what stood to choose from."""
    frames = history.shown_frames()
    if not frames:
        if status.alive:
            said = t("The first translations come in a moment.", "第一批译文马上就来。")
        elif status.epoch or status.state == FINISHED:
            said = t(
                "This run came without the translations it made as it learnt.", "这个运行没有附带训练过程中的译文。"
            )
        else:
            said = t("This run ended before its first translations.", "这个运行在写出第一批译文之前就结束了。")
        st.caption(said)
        return
    sentences = list(dict.fromkeys(source for _, rows in frames for source in rows))
    chosen = st.session_state.get(f"chosen-{name}")
    if chosen not in sentences:
        chosen = sentences[0]
    data = {
        "run": name,
        "frames": [{"epoch": epoch, "step": step} for (epoch, step), _ in frames],
        "sentences": sentences,
        "rows": [
            [rows[source]["translation"] if source in rows else None for _, rows in frames] for source in sentences
        ],
        "chosen": chosen,
        "traces": [rows[chosen]["trace"] if chosen in rows else None for _, rows in frames],
        "decoder": f"decode?{urlencode({'lang': language(), 'run': name})}&sentence=",
        "texts": _machine_texts(),
    }
    moved = _machine(data=data, key=f"machine-{name}", default={"chosen": chosen}, on_chosen_change=lambda: None)
    if moved.chosen in sentences and moved.chosen != chosen:
        st.session_state[f"chosen-{name}"] = moved.chosen
        st.rerun(scope="fragment")


def _curve_texts() -> dict[str, str]:
    """Every string of the curves; names in braces are filled in by the browser."""
    return {
        "label": t("Losses and BLEU over the epochs", "各训练轮次的损失和 BLEU"),
        "reset": t("show all", "显示全部"),
        "also": t("Also show:", "还可以显示："),
        "epoch": t("epoch", "轮次"),
        "nats": t("loss, nats per word", "损失（每词 nats）"),
        "step": t("step {step}", "第 {step} 步"),
        "after": t("after epoch {epoch}", "第 {epoch} 轮后"),
        "best": t("lowest loss, epoch {epoch}", "损失最低：第 {epoch} 轮"),
        "train": t("training", "训练"),
        "trainHelp": t(
            "Each batch as it is learnt from, with dropout, and with the decoder fed its own words as often as teacher forcing leaves open: harder than the dotted curve.",
            "每一批在学习时的损失：有 dropout，没有教师强制的步还要读自己写的词，所以比点线高。",
        ),
        "plain": t("training, measured like validation", "训练句子，按验证的方式测"),
        "plainHelp": t(
            "Sentences it learns from, without dropout and with the true words fed in: compare this one with the blue curve.",
            "正在学的句子，不用 dropout，每步都读正确的词：应当拿它和蓝线比。",
        ),
        "valid": t("validation", "验证"),
        "validHelp": t(
            "Sentences it has never learnt from, with the true words fed in (teacher forcing).",
            "从没学过的句子，每步都读正确的上一个词（教师强制）。",
        ),
        "free": t("validation, reading its own words", "验证，读自己写的词"),
        "freeHelp": t(
            "The same on a sample, but the decoder reads what it wrote itself, as when it translates. One wrong word leads the next astray, so this curve stays high.",
            "抽一部分验证句子，但解码器读自己写的词，和翻译时一样。一个词错了，后面也跟着错，所以这条线一直较高。",
        ),
        "bleu": "BLEU",
        "learning_rate": t("learning rate", "学习率"),
        "learning_rateHelp": t("How big a step Adam takes", "Adam 每一步走多大"),
        "gradient_norm": t("gradient norm", "梯度范数"),
        "gradient_normHelp": t(
            "How strongly a batch pulls at the weights, before it is cut", "一批数据对权重的拉力有多大（裁剪之前）"
        ),
        "tokens_per_second": t("words a second", "每秒词数"),
        "tokens_per_secondHelp": t("Target words learnt from in a second", "每秒学习多少个目标词"),
        "learning_rateChange": t("learning rate {from} → {to}", "学习率 {from} → {to}"),
        "teacher_forcingChange": t("teacher forcing {from} → {to}", "教师强制 {from} → {to}"),
        "epochsChange": t("planned epochs {from} → {to}", "计划轮次 {from} → {to}"),
        "overfit": t("learning by heart", "死记硬背"),
        "overfitNote": t(
            "Since epoch {epoch} the loss on training sentences still falls while unseen ones get worse: it learns "
            "them by heart. Not too few epochs, and not too many.",
            "第 {epoch} 轮以后，训练句子的损失还在降，没见过的句子却越来越差：它在死记硬背。训练轮数不能太少，也不能太多。",
        ),
    }


def _machine_texts() -> dict[str, str]:
    return {
        "slider": t("moment of the run", "训练的时刻"),
        "play": t("play from the beginning", "从头播放"),
        "halt": t("halt", "暂停播放"),
        "back": t("the moment before", "上一个时刻"),
        "forward": t("the next moment", "下一个时刻"),
        "before": t("before training", "训练前"),
        "epoch": t("epoch {epoch}", "第 {epoch} 轮"),
        "within": t("epoch {epoch}, step {step}", "第 {epoch} 轮，第 {step} 步"),
        "pick": t("show what it had to choose from", "查看它当时的候选词"),
        "decoder": t("To the decoder →", "到解码器里看 →"),
        "none": t(
            "This run kept the sentences alone, not what stood to choose from.",
            "这个运行只保存了译文，没有保存候选词。",
        ),
        "sure": t("{word}: {share} sure", "{word}：把握 {share}"),
        "top": t("The likeliest at word {step}", "第 {step} 个词的候选"),
        "attention": t("Where it looked", "它在看哪里"),
        "noAttention": t("This model has no attention.", "这个模型没有注意力。"),
        "unknown": t("not in the vocabulary", "不在词表里"),
    }
