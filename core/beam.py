"""Beam search: several hypotheses a sentence grow side by side, where greedy decoding follows a single one."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from core.decode import Reader, Replacement, Writing, begin, most_attended, source_tokens, step_limit
from core.machine import one_thread
from core.model import Seq2Seq
from core.problems import Problem
from core.vocab import EOS, Vocab

MAX_WIDTH = 10  # of what a person asks for: a tree of more cannot be drawn
# Nats that each word earns a hypothesis. On validation sentences of seven runs (width 5) it gave 0.4 BLEU more than the
# average a word on average, from 0.1 less to 1.3 more; 0.8 and 1.2 as much in the mean, but less evenly.
WORD_BONUS = 1.0

KEPT, PRUNED, FINAL = "kept", "pruned", "final"


def check_width(width: int, most: int = MAX_WIDTH) -> None:
    """Raise Problem if beam search cannot be that wide."""
    if not 1 <= width <= most:
        raise Problem(
            f"The beam's width must be 1 to {most}, got {width}.",
            f"集束宽度必须在 1 到 {most} 之间，现在是 {width}。",
        )


def balanced(log_probability: float, length: int, bonus: float) -> float:
    """What hypotheses of different lengths are compared by; `length` counts `<eos>`.

    Every further word makes a sentence less probable, so that without a bonus the shortest would win.
    """
    return log_probability + bonus * length


@dataclass(frozen=True)
class Hypothesis(Writing):
    """A whole translation that beam search found."""

    log_probability: float  # natural logarithm, of its words and its <eos> together
    score: float  # the same, with the bonus for its words; hypotheses are ordered by it
    finished: bool  # False where the length limit cut it before <eos>


@dataclass(frozen=True)
class BeamNode:
    """A hypothesis at one step: its parent at the step before, and one word more."""

    id: int
    parent: int  # the parent's id; -1 at the first step
    token: str
    token_id: int
    log_probability: float  # of all words so far together
    score: float
    state: str  # kept: goes on; pruned: better ones took its place; final: it wrote <eos>
    rank: int  # among all of this step, 1 is the most probable


@dataclass(frozen=True)
class BeamSentence:
    """A whole translation; `node` is the id of its last node."""

    node: int
    ids: list[int]  # its target words, with `<eos>`: a trace that begins with them is this translation's
    sentence: str  # put together for people, `<unk>` replaced
    replacements: list[Replacement]
    log_probability: float
    score: float
    finished: bool


@dataclass(frozen=True)
class BeamTrace:
    """All that beam search did for one sentence; drawing its tree needs no model."""

    text: str
    words: list[str]
    width: int
    bonus: float
    steps: list[list[BeamNode]]  # by rank
    best: list[BeamSentence]  # by score, finished ones first

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "BeamTrace":
        steps = [[BeamNode(**node) for node in step] for step in values["steps"]]
        best = [
            BeamSentence(**{**sentence, "replacements": [Replacement(**part) for part in sentence["replacements"]]})
            for sentence in values["best"]
        ]
        return cls(**{**values, "steps": steps, "best": best})


class _Node(NamedTuple):
    """A hypothesis' last word; the rest is found by walking up its parents."""

    parent: int
    token: int
    log_probability: float
    looked_at: int  # the source word with the most attention, -1 without attention
    step: int


class _Search:
    """The hypotheses of a batch of sentences, as a tree: a node a word."""

    def __init__(self, sources: Sequence[np.ndarray], width: int) -> None:
        self.nodes: list[_Node] = []
        self.states: list[str] = []
        self.ends: list[list[int]] = [[] for _ in sources]  # for each sentence the last nodes of its translations
        self.limits = [step_limit(len(source)) for source in sources]
        self.width = width

    def hypothesis(self, node: int, bonus: float) -> Hypothesis:
        last = self.nodes[node]
        ids, looked_at = [], []
        while node >= 0:
            here = self.nodes[node]
            if here.token != EOS:
                ids.append(here.token)
                looked_at.append(here.looked_at)
            node = here.parent
        return Hypothesis(
            ids=ids[::-1],
            looked_at=None if last.looked_at < 0 else looked_at[::-1],
            log_probability=last.log_probability,
            score=balanced(last.log_probability, last.step, bonus),
            finished=last.token == EOS,
        )

    def best(self, sentence: int, bonus: float) -> list[int]:
        """The sentence's last nodes, finished ones first, each kind by score."""

        def key(node: int) -> tuple[bool, float]:
            last = self.nodes[node]
            return last.token != EOS, -balanced(last.log_probability, last.step, bonus)

        return sorted(self.ends[sentence], key=key)


def _search(model: Seq2Seq, sources: Sequence[np.ndarray], width: int, keep_pruned: bool = False) -> _Search:
    """Grow the hypotheses of all sentences, a row of the batch each, until all are finished or cut.

    At each step a sentence's hypotheses are continued by their likeliest words, and of all continuations the most
    probable stay. One that writes `<eos>` is final, leaves the batch and leaves one place less to the others, so
    that a sentence ends with `width` translations. Width 1 is greedy decoding.
    """
    search = _Search(sources, width)
    memory, state, tokens = begin(model, sources)
    device = tokens.device
    owners = list(range(len(sources)))  # the sentence of each row; a sentence's rows are neighbours
    heads = [-1] * len(sources)  # the last node of each row
    step = 0
    while owners:
        logits, state, attention = model.decode(tokens, memory, state)
        step += 1
        continuations = _continuations(logits[0], width)
        looked_at = [-1] * len(owners) if attention is None else most_attended(attention[0], memory.mask).tolist()
        offered: dict[int, list[tuple[float, int, int]]] = {}
        for row, (owner, head, words) in enumerate(zip(owners, heads, continuations, strict=True)):
            so_far = search.nodes[head].log_probability if head >= 0 else 0.0
            offered.setdefault(owner, []).extend((so_far + share, row, token) for share, token in words)
        parents: list[int] = []
        going: list[int] = []
        for owner, candidates in offered.items():
            candidates.sort(key=lambda candidate: -candidate[0])
            room = width - len(search.ends[owner])
            for log_probability, row, token in candidates if keep_pruned else candidates[:room]:
                node = len(search.nodes)
                search.nodes.append(_Node(heads[row], token, log_probability, looked_at[row], step))
                search.states.append(PRUNED if room <= 0 else FINAL if token == EOS else KEPT)
                room -= 1
                if room < 0:
                    continue
                if token == EOS or step == search.limits[owner]:
                    search.ends[owner].append(node)
                else:
                    parents.append(row)
                    going.append(node)
        rows = torch.tensor(parents, dtype=torch.int64, device=device)
        still = [owners[row] for row in parents]
        if still != owners:
            # Hypotheses of one sentence share its memory: it stays as it is while none is added or leaves.
            memory, owners = memory.select(rows), still
        state = tuple(part[:, rows] for part in state)
        heads = going
        tokens = torch.tensor([[search.nodes[node].token for node in going]], dtype=torch.int64, device=device)
    return search


def _continuations(logits: Tensor, count: int) -> list[list[tuple[float, int]]]:
    """For each row of logits (R, V) its likeliest words, the likeliest first, with their log-probabilities."""
    logits = logits.float()
    top = logits.topk(min(count, logits.shape[1]), dim=1)
    # Subtracted as Python's numbers, of double precision: rounding makes no two equal, and width 1 takes the argmax.
    return [
        [(value - log_sum, token) for value, token in zip(values, ids, strict=True)]
        for values, ids, log_sum in zip(
            top.values.tolist(), top.indices.tolist(), logits.logsumexp(dim=1).tolist(), strict=True
        )
    ]


@torch.inference_mode()
def beam_batch(
    model: Seq2Seq, sources: Sequence[np.ndarray], width: int, bonus: float = WORD_BONUS, most: int = MAX_WIDTH
) -> list[list[Hypothesis]]:
    """Translate several encoded sentences at once; for each its `width` best translations, the best first.

    sources: arrays as `source_ids` makes them. The padding that shorter sentences get changes nothing. Raises Problem
    for a width above `most`.
    """
    check_width(width, most)
    search = _search(model, sources, width)
    return [
        [search.hypothesis(node, bonus) for node in search.best(sentence, bonus)] for sentence in range(len(sources))
    ]


@one_thread()
@torch.inference_mode()
def beam_trace(
    model: Seq2Seq,
    text: str,
    words: Sequence[str],
    source_vocab: Vocab,
    target_vocab: Vocab,
    read: Reader,
    width: int,
    bonus: float = WORD_BONUS,
) -> BeamTrace:
    """Translate one sentence and keep every hypothesis, those too that were pruned. Raises Problem for a width that
    is not 1 to 10."""
    check_width(width)
    source = np.array([token.id for token in source_tokens(words, source_vocab)], dtype=np.int64)
    search = _search(model, [source], width, keep_pruned=True)
    steps: list[list[BeamNode]] = []
    for i, (node, state) in enumerate(zip(search.nodes, search.states, strict=True)):
        if node.step > len(steps):
            steps.append([])
        steps[-1].append(
            BeamNode(
                id=i,
                parent=node.parent,
                token=target_vocab.tokens[node.token],
                token_id=node.token,
                log_probability=node.log_probability,
                score=balanced(node.log_probability, node.step, bonus),
                state=state,
                rank=len(steps[-1]) + 1,
            )
        )
    best = []
    for node_id in search.best(0, bonus):
        found = search.hypothesis(node_id, bonus)
        best.append(
            BeamSentence(
                node_id,
                found.ids + [EOS] * found.finished,
                *read(found, words),
                found.log_probability,
                found.score,
                found.finished,
            )
        )
    return BeamTrace(text, list(words), width, bonus, steps, best)
