"""What this machine is and does best: its device, how fast it multiplies in which precision, its threads."""

import ctypes
import math
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch

from core.config import AUTO, TrainConfig
from core.problems import Problem

# As many as torch chooses by itself: one for each core that this process may use, hyperthreads not counted, unless
# OMP_NUM_THREADS says otherwise. The page that watches needs none of its own (see `core.processes.wait_briefly`).
DEFAULT_THREADS = torch.get_num_threads()


def keep_freed_memory(keep: bool = True) -> None:
    """Let this process keep the memory it frees, for a training process: each step asks for the same sizes again.
    With `keep` False it is as glibc has it by itself.

    glibc gives large blocks back to the system at once and gets them anew page by page, zeroed: a third of a training
    step on two cores. On other systems nothing is done.
    """
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    mmap_max, trim_threshold = -4, -1  # names of malloc.h
    mallopt(mmap_max, 0 if keep else 65_536)
    mallopt(trim_threshold, 2**31 - 1 if keep else 128 * 1024)


def give_back_freed_memory() -> None:
    """Hand back once what `keep_freed_memory` keeps: what scoring or tokenising needed, no training step asks for."""
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    except (OSError, AttributeError):
        return


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread while the block runs: a sentence's products are too small to share.

    Beside another busy process, as a run that trains, two threads wait for each other: the translation of one
    sentence took 0.9 s with two and 0.02 s with one.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def choose_device(wanted: str) -> torch.device:
    """CUDA, else MPS, else the CPU; or the one asked for. Raises Problem where that one is not there."""
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    name = next(name for name in present if present[name]) if wanted == AUTO else wanted
    if not present[name]:
        raise Problem(
            f"This machine has no {name.upper()} device. Choose device auto or cpu.",
            f"这台机器没有 {name.upper()} 设备。请把 device 设为 auto 或 cpu。",
        )
    return torch.device(name)


def matmul_rate(device: torch.device, dtype: torch.dtype, size: int = 768, seconds: float = 0.05) -> float:
    """Floating-point operations a second in (size × size) matrix products, measured for about that time."""
    a = torch.randn(size, size, device=device).to(dtype)
    best = math.inf
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or best == math.inf:
        begin = time.perf_counter()
        (a @ a).sum().item()  # item() waits for the device
        best = min(best, time.perf_counter() - begin)
    return 2 * size**3 / best


def choose_precision(wanted: str, device: torch.device) -> str:
    """bfloat16 where this machine multiplies matrices at least 1.3 times as fast in it, else float32."""
    if wanted != AUTO:
        return wanted
    if device.type == "mps":
        return "float32"
    matmul_rate(device, torch.float32)  # warms up
    gain = matmul_rate(device, torch.bfloat16) / matmul_rate(device, torch.float32)
    return "bfloat16" if gain >= 1.3 else "float32"


@dataclass(frozen=True)
class Machine:
    """Where and how a model is trained, as measured or as asked for."""

    device: torch.device
    precision: str
    threads: int

    @classmethod
    def for_config(cls, config: TrainConfig) -> "Machine":
        """Choose what the config leaves open, and set the process's number of threads."""
        device = choose_device(config.device)
        threads = config.threads or DEFAULT_THREADS
        torch.set_num_threads(threads)
        if device.type == "cuda":
            torch.set_float32_matmul_precision("high")  # TF32 for what autocast leaves in float32
        return cls(device, choose_precision(config.precision, device), threads)

    @property
    def label(self) -> str:
        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else self.device.type.upper()

    def autocast(self) -> AbstractContextManager[Any]:
        if self.precision == "bfloat16":
            return torch.autocast(self.device.type, dtype=torch.bfloat16)
        return nullcontext()
