"""Every string of the walkthrough, in both languages: a page saved to disk carries both. The browser fills in {names}."""

from typing import Literal

TEXTS: dict[str, tuple[str, str]] = {
    "label": ("The decoder step by step", "一步一步看解码器"),
    "pictureLabel": (
        "The sentence going through the model: encoder, context, decoder, candidates, attention",
        "句子怎样穿过模型：编码器、上下文、解码器、候选词、注意力",
    ),
    # Controls
    "step": ("step {step} of {steps}", "第 {step} 步，共 {steps} 步"),
    "first": ("first step (Home)", "第一步（Home）"),
    "back": ("step back (←)", "后退一步（←）"),
    "forward": ("step forward (→)", "前进一步（→）"),
    "last": ("last step (End)", "最后一步（End）"),
    "play": ("play", "播放"),
    "pause": ("pause", "暂停"),
    "keys": ("keys: ← → Home End, space plays", "键盘：← → Home End，空格播放"),
    "speed": ("speed", "速度"),
    "k": ("words shown (k)", "候选词数 k"),
    "kSpoken": ("{value} words shown", "显示 {value} 个候选词"),
    "aboutK": ("How many of the most probable words are drawn", "显示概率最大的多少个词"),
    "temperature": ("temperature", "温度"),
    "temperatureSpoken": ("temperature {value}", "温度 {value}"),
    "aboutTemperature": (
        "The scores are divided by it before the softmax: below 1 the favourite gets more, above 1 the others do",
        "softmax 之前，所有分数先除以温度：小于 1，领先的词更占优；大于 1，各词更平均",
    ),
    "showAttention": ("attention", "注意力"),
    "showStates": ("states", "隐藏状态"),
    # The picture
    "encoder": ("Encoder reads", "编码器读"),
    "decoder": ("Decoder writes", "解码器写"),
    "context": ("context: {size} numbers", "上下文向量：{size} 个数"),
    "mixture": ("context {step}", "上下文 {step}"),
    "firstState": ("first state", "初始状态"),
    "firstStates": ("first state: from both ends", "初始状态：来自首尾两端"),
    "aboutFirstState": (
        "The encoder's last state is the decoder's first. It enters the first cell and never comes again.",
        "编码器的最后状态就是解码器的初始状态：只进入第一个单元，之后不再出现。",
    ),
    "aboutFirstStates": (
        "The encoder reads from both sides: its state after the last word and, read backwards, after the first, side by side, are the decoder's first state.",
        "编码器从两边读：正着读到最后一个词的状态，和倒着读到第一个词的状态，拼在一起，就是解码器的初始状态。",
    ),
    "aboutMix": (
        "tanh(W [context ; state]): here this step's context joins what the decoder cell gives. The scores of the candidates come from both. Click for the numbers.",
        "tanh(W [上下文 ; 状态])：这一步的上下文在这里和解码器单元的输出合在一起，候选词的分数由两者算出。点击看具体数字。",
    ),
    "openMix": ("Where context and state join: show the arithmetic", "上下文和状态汇合处：看它怎么算"),
    "aboutContext": (
        "All that the decoder ever learns of the source: one vector, made once, for a short sentence or a long one.",
        "解码器对原文的全部了解都在这一个向量里：只算一次，句子长短都一样大。",
    ),
    "aboutMixture": (
        "This step's context: the encoder's states, mixed in the proportions of the attention. It joins what the cell gives, on the way to the candidates. Click for the numbers.",
        "这一步的上下文：按注意力的比例把编码器各状态加在一起，再和单元的输出汇合，一起决定候选词。点击看具体数字。",
    ),
    "seen": ("Training saw it {count} times.", "训练数据里出现过 {count} 次。"),
    "endToken": ("Marks the end of the sentence.", "句子结束标记。"),
    "unknownToken": ("Not in the vocabulary: the model reads <unk>.", "不在词表里：模型读到的是 <unk>。"),
    "wouldKeep": (
        "Training saw it {count} times: min_freq {min_freq} or less, with max_size {max_size} or more, would have kept it.",
        "训练数据里出现过 {count} 次：min_freq 不大于 {min_freq}、max_size 不小于 {max_size} 就会保留它。",
    ),
    "neverSeen": (
        "Training never saw it: no min_freq or max_size would have kept it.",
        "训练数据里从没出现过：无论 min_freq、max_size 设成多少都不会有它。",
    ),
    "countThem": (
        "How often did training see them? (counts all its sentences: up to a minute, once)",
        "训练时见过它们几次？（要数一遍训练句子，首次最多一分钟）",
    ),
    "counting": ("counting …", "正在数……"),
    "weighs": ("At step {step} it has {share} of the attention.", "第 {step} 步它得到 {share} 的注意力。"),
    "aboutAttention": (
        "Attention: {words}. Drawn are the words that together have {share}. Click for the numbers.",
        "注意力：{words}。画出的这些词合计占 {share}。点击看具体数字。",
    ),
    "folded": ("{count} folded words: {words} Click to unfold.", "折叠了 {count} 个词：{words} 点击展开。"),
    "notYet": ("Step {step}: not written yet", "第 {step} 步：还没有写"),
    "aboutStep": ("Step {step}: reads {input}, writes {word}", "第 {step} 步：读入 {input}，写出 {word}"),
    "openDecoder": ("Decoder cell of this step: show its arithmetic", "这一步的解码器单元：看它怎么算"),
    "openContext": ("Context: show its arithmetic", "上下文：看它怎么算"),
    "openAttention": ("Attention: show its arithmetic", "注意力：看它怎么算"),
    "openSoftmax": ("Output layer and softmax: show the arithmetic", "输出层和 softmax：看它怎么算"),
    "softmax": ("softmax", "softmax"),
    "aboutSoftmax": (
        "Turns one score for each word of the vocabulary into probabilities that sum to 1. Click for the numbers.",
        "把词表里每个词的分数变成概率，加起来等于 1。点击看具体数字。",
    ),
    "next": ("What comes next?", "下一个词是什么？"),
    "followHint": ("Click a losing word to follow it.", "点一个落选的词，看它会怎样。"),
    "argmax": ("argmax", "argmax"),
    "given": ("yours", "你选的"),
    "aboutBar": ("{word}: {share}, number {rank}.", "{word}：{share}，第 {rank} 名。"),
    "barChosen": ("The decoder took it.", "解码器选了它。"),
    "barGiven": ("You took it.", "你选了它。"),
    "barFollow": ("Click to see where it leads.", "点击看选它会怎样。"),
    "barOffline": ("Following it needs the running app.", "要看选它会怎样，需要运行中的应用。"),
    "rest": (
        "the other {count} words share {share} · entropy {entropy} bits",
        "其余 {count} 个词共占 {share} · 熵 {entropy} 比特",
    ),
    "restOnly": ("the other {count} words share {share}", "其余 {count} 个词共占 {share}"),
    "waiting": ("the model is computing …", "模型正在计算……"),
    "heat": ("Attention so far", "到目前为止的注意力"),
    "heatLabel": (
        "Attention so far: a row for each word written, a column for each word read",
        "到目前为止的注意力：每行一个写出的词，每列一个读到的词",
    ),
    "heatCell": ("writing {word}: {share} on {source}", "写 {word} 时：{share} 在 {source} 上"),
    # What the step says
    "sayReads": ("Step {step}. The decoder reads “{input}”.", "第 {step} 步。解码器读入“{input}”。"),
    "sayLooks": ("It looks mostly at {word} ({share}).", "它主要看着 {word}（{share}）。"),
    "sayLooksEnd": (
        "It looks mostly at {word} ({share}), where the encoder has read the whole sentence.",
        "它主要看着 {word}（{share}）：编码器读到那里时，整个句子都读完了。",
    ),
    "sayContext": (
        "It has no attention: all it gets of the source is the one context vector, as its first state.",
        "它没有注意力：关于原文，它只得到一个上下文向量，作为初始状态。",
    ),
    "sayAlone": (
        "It cannot look back: what it has not kept in its state since step 1 is lost.",
        "它不能回头看：从第 1 步起没有留在状态里的，就丢掉了。",
    ),
    "sayFinds": (
        "Of {count} words it finds {word} the likeliest: {share}.",
        "在 {count} 个词里，它认为 {word} 的概率最大：{share}。",
    ),
    "sayBeats": ("That beats {second} by {nats}.", "比 {second} 高 {nats}。"),
    "sayGiven": (
        "You took {word} ({share}, number {rank}) where the decoder would have taken {argmax} ({best}).",
        "你选了 {word}（{share}，第 {rank} 名），解码器本来会选 {argmax}（{best}）。",
    ),
    "sayTemperature": (
        "These shares are at temperature {temperature}; at 1.0 it has {share}. The order of the words never changes.",
        "以上是温度 {temperature} 时的概率；温度 1.0 时它是 {share}。词的先后次序不会变。",
    ),
    "sayEnd": ("<eos> ends the sentence.", "写出 <eos>，句子结束。"),
    # Files
    "take": ("Take it along:", "带走："),
    "save_html": ("a page that works offline (HTML)", "离线可用的网页（HTML）"),
    "save_csv": ("the steps as a table (CSV)", "每一步的表格（CSV）"),
    "save_gif": ("an animation for slides (GIF)", "幻灯片用的动画（GIF）"),
    "drawingGif": ("drawing …", "正在画……"),
    # Ways
    "ways": ("Ways it could have gone", "另外的走法"),
    "waysNote": ("each with how probable the whole sentence is", "以及整句的概率"),
    "waysHint": (
        "Click a losing word among the candidates: the decoder goes on from it, and both sentences stand here.",
        "点击候选词里落选的一个：解码器会从它接着写，两个句子都列在这里。",
    ),
    "greedy": ("greedy: always the most probable word", "贪心解码：每步都取概率最大的词"),
    "leaves": ("step {step}: {word} instead of {argmax}", "第 {step} 步：选 {word}，不选 {argmax}"),
    "more": ("{nats} more than greedy", "比贪心高 {nats}"),
    "less": ("{nats} less than greedy", "比贪心低 {nats}"),
    "sumTitle": (
        "Natural logarithm of the sentence's probability, at temperature 1: {steps} steps, ≈ {each} a step",
        "整句概率的自然对数，温度为 1：共 {steps} 步，每步 ≈ {each}",
    ),
    "cutOff": ("… cut off at the length limit", "……到长度上限被截断"),
    "greedyLost": (
        "Greedy was not best here: “{sentence}” is more probable as a whole, though it begins with a losing word.",
        "这里贪心不是最好：“{sentence}” 整句的概率更大，虽然它从一个落选的词开始。",
    ),
    "greedyWon": ("None of these is more probable than greedy's sentence.", "这些句子的概率都不如贪心解码的句子。"),
    "prune": ("Remove this way ({way})", "删去这条走法（{way}）"),
    "pruneMany": ("Remove this way and all that leave it, {count} together ({way})", "删去这条走法和它的分支，共 {count} 条（{way}）"),
    "undo": ("Put back what was removed", "恢复刚才删去的"),
    "nats": ("nats", "奈特"),
    "between": (" ", ""),
    "aboutNats": (
        "A nat is the unit of a natural logarithm: 1 nat more is e ≈ 2.7 times as probable.",
        "奈特是自然对数的单位：多 1 奈特，概率就是 e ≈ 2.7 倍。",
    ),
    # Beam search
    "moreSteps": ("steps {from} to {to} →", "第 {from}–{to} 步 →"),
    "lastStep": ("step {to} →", "第 {to} 步 →"),
    "beamLabel": ("Greedy against beam search, as one tree", "贪心解码与集束搜索，画在一棵树上"),
    "beamStep": ("step {step}", "第 {step} 步"),
    "beamHint": (
        "Point at a hypothesis, or walk the tree with the arrow keys: its words and its score stand here.",
        "指向一个假设，或用方向键在树上走：这里显示它的词和得分。",
    ),
    "beamNode": (
        "{sentence} · ln p ≈ {sum} · score ≈ {sum} ÷ {divisor} ≈ {score} · number {rank} of this step, {state}",
        "{sentence} · ln p ≈ {sum} · 得分 ≈ {sum} ÷ {divisor} ≈ {score} · 这一步第 {rank} 名，{state}",
    ),
    "kept": ("kept, goes on", "保留，继续写"),
    "pruned": ("pruned, others were better", "剪掉，别的更好"),
    "final": ("final: it wrote <eos>", "完成：写出了 <eos>"),
    "alsoGreedy": (", greedy's way", "，贪心的走法"),
    "greedyWay": ("thick: greedy's way", "粗线框：贪心的走法"),
    "greedySentence": ("greedy", "贪心"),
    "best": ("What beam search found, best score first", "集束搜索找到的句子，得分高的在前"),
    "bestSentence": ("sentence", "句子"),
    "bestSum": ("ln p", "ln p"),
    "bestSteps": ("steps", "步数"),
    "bestScore": ("score = ln p ÷ steps", "得分 = ln p ÷ 步数"),
    "beamSame": (
        "Here beam search ends with greedy's own sentence: ln p ≈ {sum}.",
        "这里集束搜索的结果和贪心解码是同一个句子：ln p ≈ {sum}。",
    ),
    "beamMore": (
        "Beam search found “{beam}”: more probable as a whole (ln p ≈ {sum}) than greedy's “{greedy}” (≈ {other}).",
        "集束搜索找到 “{beam}”：整句的概率（ln p ≈ {sum}）比贪心的 “{greedy}”（≈ {other}）大。",
    ),
    "beamLonger": (
        "Beam search prefers “{beam}”: its average per step is better than that of greedy's “{greedy}”, though as a whole it is less probable (ln p ≈ {sum}, greedy ≈ {other}).",
        "集束搜索选了 “{beam}”：平均每步比贪心的 “{greedy}” 好，虽然整句的概率更小（ln p ≈ {sum}，贪心 ≈ {other}）。",
    ),
    "beamLost": (
        "Greedy's way was pruned at step {step}: others were more probable by then.",
        "贪心的走法在第 {step} 步被剪掉：那时别的走法概率更大。",
    ),
    # Exposure bias
    "lanesLabel": ("Teacher forcing against free running", "教师强制与自由运行"),
    "lanesPart": (
        "They part at step {step}: on its own the decoder is fed its “{own}”, with teacher forcing the true “{truth}”.",
        "从第 {step} 步起分开：自己写时，解码器读入自己的 “{own}”；教师强制时读入正确的 “{truth}”。",
    ),
    "lanesSame": ("The two never part: the decoder writes the reference itself.", "两条路始终一样：解码器自己写出了参考译文。"),
    "lanesLoss": (
        "Loss of a true word: ≈ {forced} nats fed true words, ≈ {free} nats fed its own.",
        "每个正确词的损失：读入正确词时 ≈ {forced} 奈特，读入自己写的词时 ≈ {free} 奈特。",
    ),
    "lanesNote": (
        "In training the decoder is often fed the true word; in use it is fed its own, mistakes and all. Training hardly shows it what to do after a mistake: exposure bias.",
        "训练时解码器常常读入正确的词；使用时读入自己写的词，包括写错的。写错以后该怎么办，训练时很少见到：这叫曝光偏差。",
    ),
    "laneStep": ("step", "步"),
    "lanePart": ("they part", "分开"),
    "laneTruth": ("true word", "正确的词"),
    "laneForced": ("Teacher forcing: fed the true word", "教师强制：读入正确的词"),
    "laneFree": ("Free running: fed its own word", "自由运行：读入自己写的词"),
    "laneFed": ("is fed", "读入"),
    "laneFinds": ("finds likeliest", "概率最大的词"),
    "laneLoss": ("loss of the true word", "正确词的损失"),
    "laneUnknown": (
        "A dotted word of the reference is not in the vocabulary: the loss is that of <unk>.",
        "参考译文里带虚线的词不在词表里：损失按 <unk> 计算。",
    ),
    # Segmentation
    "cut": ("How the sentence is cut", "怎样分词"),
    "cutNote": ("+ merges two words, a dashed line splits one", "“+”合并两个词，虚线处切开"),
    "merge": ("Merge {left} and {right} and translate again", "合并 {left} 和 {right}，重新翻译"),
    "split": ("Split into {left} and {right} and translate again", "切成 {left} 和 {right}，重新翻译"),
    "cutBack": ("Back to the tokenizer's cut", "恢复分词器的切法"),
    "cutWas": ("The tokenizer's cut: {words} → {sentence}", "分词器的切法：{words} → {sentence}"),
    # Arithmetic
    "sums": ("The arithmetic of step {step}", "第 {step} 步怎么算"),
    "part_encoder": ("encoder cell", "编码器单元"),
    "part_context": ("context", "上下文"),
    "part_decoder": ("decoder cell", "解码器单元"),
    "part_attention": ("attention", "注意力"),
    "part_softmax": ("softmax", "softmax"),
    "sum_encoder": (
        "The encoder at {word}: the word's row of the embedding, and the cell that adds it to what was read before.",
        "编码器读到 {word}：先取这个词的词向量，再由单元把它并入之前读到的内容。",
    ),
    "sum_context": (
        "All of the source that the decoder gets: the encoder's last state becomes its first.",
        "解码器得到的全部原文信息：编码器的最后状态成为它的初始状态。",
    ),
    "sum_mixture": (
        "The context of this step is a mixture of the encoder's states; the encoder's last state is only where the decoder began.",
        "这一步的上下文是编码器各状态的加权和；编码器的最后状态只是解码器的起点。",
    ),
    "sum_decoder": (
        "The decoder: the row of the word it reads, and the cell that makes its next state.",
        "解码器：取读入的词的词向量，再由单元算出下一个状态。",
    ),
    "sum_attention": (
        "The state is compared with each source position; the softmax of these scores says how much of each goes into the mixture.",
        "用解码器状态和原文每个位置比较打分；分数经过 softmax，决定各位置占多少。",
    ),
    "sum_softmax": (
        "One score for each word of the vocabulary, made into probabilities; greedy decoding takes the largest.",
        "给词表里每个词一个分数，再变成概率；贪心解码取最大的。",
    ),
    "sumLayer": ("layer {layer} {direction}", "第 {layer} 层 {direction}"),
    "sumIn": ("in", "输入"),
    "sumOut": ("out", "输出"),
    "sumGate": ("gate", "门"),
    "sumMean": ("mean", "均值"),
    "sumNorm": ("length", "模长"),
    "sumLesson": ("In the lesson:", "课程代码："),
    "sumNoLesson": ("The lesson's model has no such part.", "课程里的模型没有这一步。"),
    "sumShares": ("The shares, at temperature {temperature}", "各词的概率，温度 {temperature}"),
    "sumLog": (
        "{sum} is the logarithm of the sum of exp(score ÷ temperature) over the whole vocabulary.",
        "{sum} 是整个词表上 exp(分数 ÷ 温度) 之和的对数。",
    ),
    "sumWeights": ("The mixture, largest weights first", "加权和，权重大的在前"),
    "openEncoder": ("Show its arithmetic", "看它怎么算"),
    "sumsOffline": (
        "Not in this file: it has the arithmetic of the first {count} steps of the way that was open when it was saved.",
        "文件里没有这一步：只保存了当时那条走法前 {count} 步的计算。",
    ),
    "close": ("Close", "关闭"),
}  # fmt: skip


def texts(language: Literal["en", "zh"]) -> dict[str, str]:
    """The strings in one language, by key."""
    return {key: pair[language == "zh"] for key, pair in TEXTS.items()}
