"""The output layer and its loss in one pass: the largest piece of work in a training step, without its detours."""

from typing import Any

import torch
from torch import Tensor

ROWS = 256  # words at a time: their logits stay in the processor's cache
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
        readings = features.shape[0] // max(words, 1)
        whole = WHOLE if dtype == torch.bfloat16 and features.device.type == "cpu" else 1
        filled = -(-words // whole) * whole
        inputs = features.new_zeros(readings, filled, features.shape[1], dtype=dtype)
        inputs[:, :words] = features.view(readings, words, features.shape[1])
        matrix, offset = weight.to(dtype), bias.to(dtype)
        errors = None
        if any(ctx.needs_input_grad[:3]):
            errors = torch.empty(readings, filled, size, dtype=dtype, device=features.device)
            errors[:, words:] = 0
        bias_grad = torch.zeros(size, device=features.device)
        plain = torch.zeros((), device=features.device)
        uniform = torch.zeros((), device=features.device)
        apart = torch.zeros((), device=features.device)
        rows = ROWS // readings
        for start in range(0, words, rows):
            target = targets[start : start + rows].unsqueeze(1)
            products = [torch.addmm(offset, reading[start : start + rows], matrix.t()) for reading in inputs]
            read = [logits[: len(target)].float() for logits in products]
            chances = [logits.softmax(dim=1) for logits in read]
            wrong = [-probabilities.gather(1, target).clamp_min(1e-38).log() for probabilities in chances]
            # log p = logit - norm
            norms = [lost + logits.gather(1, target) for lost, logits in zip(wrong, read, strict=True)]
            plain += sum(lost.sum() for lost in wrong) / readings
            if smoothing:  # -mean(log p) over the vocabulary
                uniform += sum((n.sum() - x.mean(dim=1).sum()) for n, x in zip(norms, read, strict=True)) / readings
            pulls: list[Tensor] = []
            if agreement:
                # KL(p‖q) + KL(q‖p) = Σ (p - q) (log p - log q)
                p, q = chances
                ratio = read[0].sub_(read[1]).sub_(norms[0] - norms[1])
                from_p = (p * ratio).sum(dim=1, keepdim=True)
                from_q = -(q * ratio).sum(dim=1, keepdim=True)
                apart += from_p.sum() + from_q.sum()
                if errors is not None:
                    part = p - q
                    pulls = [p * (ratio - from_p) + part, q * (-ratio - from_q) - part]
            if errors is None:
                continue
            for i, probabilities in enumerate(chances):
                if smoothing:
                    probabilities -= smoothing / size
                probabilities.scatter_add_(1, target, torch.full_like(wrong[i], smoothing - 1.0))
                if readings > 1:
                    probabilities /= readings
                if pulls:
                    probabilities.add_(pulls[i], alpha=agreement)
                errors[i, start : start + len(target)] = probabilities
                bias_grad += probabilities.sum(dim=0)
        if errors is not None:
            ctx.save_for_backward(errors.flatten(0, 1), inputs.flatten(0, 1), matrix, bias_grad)
            ctx.shape = (readings, filled, words)
        ctx.mark_non_differentiable(plain)
        loss = (1 - smoothing) * plain + smoothing * uniform if smoothing else plain.clone()
        return loss + agreement * apart if agreement else loss, plain

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        errors, inputs, matrix, bias_grad = ctx.saved_tensors
        scale = grads[0]
        # In place: the weight's gradient is 35 MB, and writing it anew takes three times as long.
        readings, filled, words = ctx.shape
        features = (errors @ matrix).view(readings, filled, -1)[:, :words].float().mul_(scale).flatten(0, 1)
        weight = (errors.t() @ inputs).float().mul_(scale)
        return features, weight, bias_grad * scale, None, None, None, None


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
