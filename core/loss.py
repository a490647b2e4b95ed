"""The output layer and its loss in one pass: the largest piece of work in a training step, without its detours."""

from typing import Any

import torch
from torch import Tensor

ROWS = 512  # words at a time: their logits stay in the processor's cache
# In bfloat16 oneDNN writes code for each new shape of matrices, for these as long as multiplying takes. So there are
# made to be few shapes: the number of words is filled up to a multiple of this.
WHOLE = 64


def compute_dtype(tensor: Tensor) -> torch.dtype:
    """The type in which matrix products are done here and now: autocast's where it is on, else the tensor's own."""
    kind = tensor.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else tensor.dtype


class _OutputLoss(torch.autograd.Function):
    """Cross-entropy of a linear layer's outputs. The logits of all words together (1,200 × 7,600 numbers in a usual
    batch) are never kept: each block of rows is turned at once into what backward needs, softmax minus target."""

    @staticmethod
    def forward(
        ctx: Any,
        features: Tensor,
        weight: Tensor,
        bias: Tensor,
        targets: Tensor,
        smoothing: float,
        agreement: float,
        dtype: torch.dtype,
    ) -> tuple[Tensor, Tensor]:
        words, size = len(targets), weight.shape[0]
        readings = max(features.shape[0] // max(words, 1), 1)
        whole = WHOLE if dtype == torch.bfloat16 and features.device.type == "cpu" else 1
        filled = -(-words // whole) * whole
        inputs = features.new_zeros(readings, filled, features.shape[1], dtype=dtype)
        inputs[:, :words] = features.view(readings, words, features.shape[1])
        matrix, offset = weight.to(dtype), bias.to(dtype)
        errors = None  # softmax minus target; smoothing's share, the same for all words, is taken off in `backward`
        if any(ctx.needs_input_grad[:3]):
            errors = torch.empty(readings, filled, size, dtype=dtype, device=features.device)
            errors[:, words:] = 0
        plain = torch.zeros((), device=features.device)
        norms = torch.zeros((), device=features.device)
        apart = torch.zeros((), device=features.device)
        rows = ROWS // readings
        for start in range(0, words, rows):
            target = targets[start : start + rows].unsqueeze(1)
            block = slice(start, start + len(target))
            products = [torch.addmm(offset, reading[start : start + rows], matrix.t()) for reading in inputs]
            read = [logits[: len(target)].float() if agreement else logits[: len(target)] for logits in products]
            # Where nothing else is asked of them, the probabilities are written at once where they are kept.
            places = [None] * readings if agreement or errors is None else [part[block] for part in errors]
            chances = [torch.softmax(logits, 1, out=place) for logits, place in zip(read, places, strict=True)]
            wrong = [-probabilities.gather(1, target).float().clamp_min(1e-38).log() for probabilities in chances]
            # log p = logit - norm
            norm = [lost + logits.gather(1, target) for lost, logits in zip(wrong, read, strict=True)]
            plain += sum(lost.sum() for lost in wrong)
            norms += sum(each.sum() for each in norm)
            pulls: list[Tensor] = []
            if agreement:
                # KL(p‖q) + KL(q‖p) = Σ (p - q) (log p - log q)
                p, q = chances
                ratio = read[0].sub_(read[1]).sub_(norm[0] - norm[1])
                from_p = (p * ratio).sum(dim=1, keepdim=True)
                from_q = -(q * ratio).sum(dim=1, keepdim=True)
                apart += from_p.sum() + from_q.sum()
                if errors is not None:
                    part = p - q
                    pulls = [p * (ratio - from_p) + part, q * (-ratio - from_q) - part]
            if errors is None:
                continue
            for i, probabilities in enumerate(chances):
                # (scatter_add_ takes twenty times as long in bfloat16.)
                probabilities[torch.arange(len(target), device=target.device), target[:, 0]] += smoothing - 1.0
                if pulls:
                    errors[i, block] = probabilities.add_(pulls[i], alpha=agreement * readings)
        loss = plain = plain / readings
        mean = weight.mean(dim=0) if smoothing else None  # of all words' rows
        if mean is not None:
            # -mean(log p) over the vocabulary: the norm less the mean of the logits
            means = inputs.sum(dim=(0, 1), dtype=mean.dtype) @ mean + readings * words * bias.mean()
            loss = (1 - smoothing) * plain + smoothing * (norms - means) / readings
        if errors is not None:
            ctx.save_for_backward(errors, inputs, matrix, mean)
            ctx.words, ctx.smoothing = words, smoothing
        ctx.mark_non_differentiable(plain)
        return loss + agreement * apart if agreement else loss.clone(), plain

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        errors, inputs, matrix, mean = ctx.saved_tensors
        readings, filled, size = errors.shape
        scale = grads[0] / readings
        wrong, seen = errors.flatten(0, 1), inputs.flatten(0, 1) * scale.to(inputs.dtype)
        features = (wrong @ matrix).view(readings, filled, matrix.shape[1])[:, : ctx.words].float()
        weight = (wrong.t() @ seen).float()
        bias = (torch.ones_like(wrong[:, :1]).t() @ wrong)[0].float()
        if mean is not None:
            features -= ctx.smoothing * mean
            weight -= ctx.smoothing / size * seen.sum(dim=0, dtype=weight.dtype)
            bias -= ctx.smoothing / size * readings * ctx.words
        return features.flatten(0, 1).mul_(scale), weight, bias.mul_(scale), None, None, None, None


def output_loss(
    features: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, smoothing: float = 0.0, agreement: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Two sums over the words: the loss with label smoothing, which is differentiable, and the plain cross-entropy.

    features (N, width); weight (V, width); bias (V,); targets (N,) ids. In nats. The same numbers as
    `log_softmax` of `features @ weight.T + bias`, in less than half of its time and memory.

    Features of two readings of the same words, one after the other (2N, width), count by half each; `agreement` times
    the divergence of the one from the other and of the other from the one is added (R-Drop; Liang et al., 2021).
    """
    dtype = compute_dtype(features)
    with torch.autocast(features.device.type, enabled=False):
        loss, plain = _OutputLoss.apply(features, weight, bias, targets, smoothing, agreement, dtype)  # type: ignore[no-untyped-call]
    return loss, plain
