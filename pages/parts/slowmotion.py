"""One batch in slow motion, for the run that the Train page shows: what a training step does, stage by stage."""

from typing import TYPE_CHECKING

import streamlit as st

from core.corpus import Pair
from core.problems import Problem
from core.progress import Bar
from core.runs import Run
from pages.parts.component import live_component
from pages.parts.language import say, t
from pages.parts.progress import Task, wait_for
from pages.parts.reading import read_in_background

if TYPE_CHECKING:
    from core.slowmotion import SlowMotion

_component = live_component("slowmotion", "slow")


def _pairs(run: Run) -> "Task[list[Pair]]":
    """Some of the run's training sentences, read in the background."""

    def read(bar: Bar) -> list[Pair]:
        from core.slowmotion import training_pairs

        return training_pairs(run, bar)

    return read_in_background("slow-pairs", (str(run.folder), run.status().created), read)


@st.cache_resource(max_entries=8, show_spinner=False)
def _shown(folder: str, version: int, number: int, _pairs: list[Pair]) -> "SlowMotion":
    from core.slowmotion import slow_motion

    return slow_motion(Run(folder), _pairs, number)


def _version(run: Run) -> int:
    """When the weights that a step would begin with were last written."""
    for path in (run.state_file, run.weights):
        try:
            return path.stat().st_mtime_ns
        except OSError:
            continue
    return 0


@st.fragment
def slow_motion(run: Run) -> None:
    """A panel that opens on a click; the model is asked only then, and again for other weights or another batch."""
    opened = bool(st.session_state.get("slow-open"))
    note = t(
        "One batch in slow motion: sentences → ids → encoder → decoder → loss → gradients → update",
        "一批数据的慢动作：句子 → 编号 → 编码器 → 解码器 → 损失 → 梯度 → 更新",
    )
    panel = st.expander(note, expanded=opened, key="slow", on_change="rerun")
    st.session_state["slow-open"] = panel.open
    if not panel.open:
        return
    with panel:
        # What was looked at stays as it was while the run goes on, until the visitor asks for the weights of now.
        number = int(st.session_state.get("slow-number", 0))
        name, version = st.session_state.get("slow-version", ("", 0))
        with st.container(horizontal=True, vertical_alignment="center"):
            if st.button(t("Another batch", "换一批"), key="slow-next"):
                number = st.session_state["slow-number"] = number + 1
            fresh = st.button(t("The weights of now", "换成现在的权重"), key="slow-now")
            st.html(
                f'<span class="mute">{t("Real sentences of this run, four at a time; dropout is off here. The run itself is not touched.", "都是这个运行真正在学的句子，一次四个；这里关掉了 dropout。不会影响训练本身。")}</span>'
            )
        if fresh or name != run.name or not version:
            version = _version(run)
            st.session_state["slow-version"] = (run.name, version)
        pairs = _pairs(run)
        if not wait_for(pairs, t("reading the sentences of this run", "正在读取这个运行的句子")):
            return
        try:
            with st.spinner(t("Computing a step …", "正在计算一步……")):
                shown = _shown(str(run.folder), version, number, pairs.result())
        except Problem as problem:
            st.session_state["slow-version"] = ("", 0)
            st.info(say(problem))
            return
        except Exception as error:  # a folder damaged in a way nobody thought of
            st.session_state["slow-version"] = ("", 0)
            st.warning(
                t(
                    f"This run's files do not fit together ({type(error).__name__}). Copy the folder again.",
                    f"这个运行的文件对不上（{type(error).__name__}）。请重新复制整个文件夹。",
                )
            )
            return
        _component(
            data={"identity": f"{run.name} {version} {number}", "shown": shown.to_dict(), "texts": _texts(shown.step)},
            key=f"slow-{run.name}",
        )


def _texts(step: int) -> dict[str, str]:
    """Every string of the component; names in braces are filled in by the browser."""
    return {
        "play": t("play", "播放"),
        "halt": t("halt", "暂停播放"),
        "back": t("back", "后退"),
        "forward": t("forward", "前进"),
        "sentences": t("sentences", "句子"),
        "ids": t("ids", "编号"),
        "encoder": t("encoder", "编码器"),
        "decoder": t("decoder", "解码器"),
        "loss": t("loss", "损失"),
        "gradients": t("gradients", "梯度"),
        "update": t("update", "更新"),
        "sentencesSay": t(
            f"Step {step:,} would begin with a few sentence pairs of about the same length.",
            f"第 {step:,} 步从几个长度相近的句对开始。",
        ),
        "idsSay": t(
            "Each word becomes its number in the vocabulary. Shorter sentences are filled up with <pad>, so that all "
            "fit into one table. The target stands there twice, moved by one: what the decoder reads, and what it is to write.",
            "每个词换成它在词表里的编号。短句用 <pad> 补齐，才能放进同一张表。译文出现两次，错开一位：一份给解码器读，一份是它该写的。",
        ),
        "encoderSay": t(
            "The encoder reads word by word. Under each word stands how long its state vector is there; padding is not "
            "read. The last state is the context vector: the decoder begins with it.",
            "编码器逐词读入，词下面的数字是此时状态向量的长度，<pad> 不读。最后的状态就是上下文向量，解码器从它开始。",
        ),
        "decoderSay": t(
            "At each step the decoder reads a word and gives every word a probability. With teacher forcing it reads "
            "the true word before; without, what it guessed itself. A coin decides for each step.",
            "解码器每一步读一个词，再给每个词一个概率。用教师强制时读正确的上一个词，否则读自己猜的词。每一步抛硬币决定。",
        ),
        "lossSay": t(
            "The loss of a word is −ln of the probability that the true word got: 0 if it was sure, large if it was "
            "surprised. <pad> counts nothing.",
            "一个词的损失是正确的词所得概率的 −ln：完全有把握就是 0，越意外越大。<pad> 不算。",
        ),
        "gradientsSay": t(
            "Backwards from the loss: how much each part would have changed it. The norm says how strongly a part is pulled.",
            "从损失往回算：每个部分对损失有多大影响。范数表示它被拉动得有多厉害。",
        ),
        "updateSay": t(
            "Adam moves each weight a little against its gradient, looking at past gradients too. Shown: how much of "
            "its own size each part moves.",
            "Adam 参考以往的梯度，把每个权重朝梯度的反方向挪一点。图中是每个部分挪动了自身大小的多少。",
        ),
        "sourceIds": t("source {shape}: positions × sentences", "原文 {shape}：位置 × 句子"),
        "targetIn": t("the decoder reads {shape}", "解码器读入 {shape}"),
        "targetOut": t("it is to write {shape}", "它该写出 {shape}"),
        "encoderShapes": t("embedded {embedded} → states {outputs}", "词向量 {embedded} → 状态 {outputs}"),
        "contextShape": t("context {shape}, a line a sentence", "上下文向量 {shape}，一行一个句子"),
        "forcedLane": t("teacher forcing", "教师强制"),
        "freeLane": t("reads its own words", "读自己写的词"),
        "coinLane": t("as in this step", "这一步实际的情况"),
        "forcedHelp": t("Every step is fed the true word before", "每一步都读正确的上一个词"),
        "freeHelp": t("Every step is fed what it guessed itself", "每一步都读自己猜的词"),
        "coinHelp": t("A coin for each step: the true word with {share}", "每步抛硬币：{share} 的机会读正确的词"),
        "laneLoss": t("loss {loss}", "损失 {loss}"),
        "step": t("step of the decoder", "解码器的步"),
        "stepOf": t("step {step} of {steps}", "第 {step} 步，共 {steps} 步"),
        "start": t("fed <sos>, the start", "读入起始标记 <sos>"),
        "fedTrue": t("fed the true word before", "读入正确的上一个词"),
        "fedOwn": t("fed its own guess", "读入自己猜的词"),
        "sentence": t("sentence", "句子"),
        "fed": t("reads", "读入"),
        "guess": t("likeliest word", "概率最大的词"),
        "true": t("true word", "正确的词"),
        "padded": t("padding: this sentence is over", "补齐：这个句子已经结束"),
        "lossGrid": t(
            "loss of each true word (dashed: it had read its own word)",
            "每个正确的词的损失（虚线：之前读的是自己猜的词）",
        ),
        "read": t("it had read {word}", "之前读的是 {word}"),
        "mean": t(
            "{sum} ÷ {words} words = {mean} nats a word ({padding} places of padding left out)",
            "{sum} ÷ {words} 个词 = 每词 {mean} nats（{padding} 个补齐位置不算）",
        ),
        "smoothing": t(
            "With label smoothing {share} what is minimised is {loss}.", "加上标签平滑 {share}，实际优化的是 {loss}。"
        ),
        "cut": t(
            "All together: norm {norm}. More than {clip}, so every gradient is multiplied by {factor}.",
            "合起来的范数是 {norm}，超过 {clip}，所以所有梯度都乘以 {factor}。",
        ),
        "notCut": t(
            "All together: norm {norm}. Not more than {clip}, so nothing is cut.",
            "合起来的范数是 {norm}，没有超过 {clip}，不用裁剪。",
        ),
        "one": t(
            "One weight, {name}, which makes {word} likelier or less:",
            "拿一个权重来看：{name}，它决定 {word} 有多容易被写出：",
        ),
        "after": t(
            "The same batch once more: loss {before} before the update, {after} after it.",
            "同一批数据再算一次：更新前损失 {before}，更新后 {after}。",
        ),
        "fresh": t(
            "This run came without Adam's memory, so this is Adam's very first step: each weight moves by the whole learning rate.",
            "这个运行没有附带 Adam 的记忆，所以这里是 Adam 的第一步：每个权重都挪动整个学习率。",
        ),
        "resting": t(
            "The run is over and its learning rate has fallen to 0; shown with {rate}, where it began.",
            "训练已经结束，学习率降到了 0；这里用开始时的 {rate}。",
        ),
    }
