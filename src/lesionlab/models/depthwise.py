"""Depthwise convolutions whose gradient is quick on a CPU.

oneDNN computes three gradients of depthwise convolutions by a slow general path: with respect to
the input where the stride is above 1, and with respect to weights larger than 3 x 3. Here the first
is a plain convolution of the spread gradient, and the second is put together from 3 x 3 parts, for
which it has fast code. The results are the same but for rounding.

Shapes: B images, C channels, H x W and h x w of the maps before and after, k of the kernel.
"""

from __future__ import annotations

from typing import Any

import torch
from timm.layers.padding import pad_same
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

SMALL = 3
"""Side of the kernels whose weight gradient is fast."""


class _DepthwiseGradient(torch.autograd.Function):
    """conv2d with groups = channels, without bias, and its gradient."""

    @staticmethod
    def forward(ctx: Any, x_BCHW: Tensor, weight_C1kk: Tensor, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(x_BCHW, weight_C1kk)
        ctx.stride, ctx.padding = stride, padding
        return conv2d(x_BCHW, weight_C1kk, None, stride, padding, 1, len(weight_C1kk))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x_BCHW, weight_C1kk = ctx.saved_tensors
        y_BChw = gradients[0].contiguous(memory_format=torch.channels_last)
        of_input = of_weight = None
        if ctx.needs_input_grad[0]:
            of_input = _find_input_gradient(y_BChw, weight_C1kk, x_BCHW.shape, ctx.stride,
                                            ctx.padding)
        if ctx.needs_input_grad[1]:
            of_weight = _find_weight_gradient(y_BChw, x_BCHW, weight_C1kk, ctx.stride, ctx.padding)
        return of_input, of_weight, None, None


def _find_input_gradient(
    y_BChw: Tensor, weight_C1kk: Tensor, shape: torch.Size, stride: int, padding: int
) -> Tensor:
    num_channels, side = len(weight_C1kk), weight_C1kk.shape[2]
    if stride > 1:
        height, width = (size + 2 * padding - side + 1 for size in shape[2:])
        spread = torch.empty((shape[0], num_channels, height, width), dtype=y_BChw.dtype,
                             memory_format=torch.channels_last).zero_()
        spread[:, :, ::stride, ::stride] = y_BChw
        y_BChw = spread
    return conv2d(y_BChw, weight_C1kk.flip(2, 3), None, 1, side - 1 - padding, 1, num_channels)


def _find_weight_gradient(
    y_BChw: Tensor, x_BCHW: Tensor, weight_C1kk: Tensor, stride: int, padding: int
) -> Tensor:
    side = weight_C1kk.shape[2]
    padded = pad(x_BCHW, [padding] * 4) if side > SMALL else x_BCHW
    if side <= SMALL:
        return _find_small_gradient(y_BChw, padded, weight_C1kk, stride, padding)
    height, width = (stride * (size - 1) + SMALL for size in y_BChw.shape[2:])
    gradient = torch.empty_like(weight_C1kk)
    corner = weight_C1kk[:, :, :SMALL, :SMALL].contiguous(memory_format=torch.channels_last)
    starts = sorted({*range(0, side - SMALL, SMALL), side - SMALL})
    for i in starts:
        for j in starts:
            part = padded[:, :, i:i + height, j:j + width].contiguous(
                memory_format=torch.channels_last)
            gradient[:, :, i:i + SMALL, j:j + SMALL] = _find_small_gradient(
                y_BChw, part, corner, stride, 0)
    return gradient


def _find_small_gradient(
    y_BChw: Tensor, x_BCHW: Tensor, weight_C1kk: Tensor, stride: int, padding: int
) -> Tensor:
    return torch.ops.aten.convolution_backward(
        y_BChw, x_BCHW, weight_C1kk, None, [stride] * 2, [padding] * 2, [1, 1], False, [0, 0],
        len(weight_C1kk), [False, True, False])[1]


class DepthwiseConv2d(nn.Conv2d):
    """A depthwise convolution that has the quick gradient on a CPU, and else is what it was."""

    is_padded_same: bool

    @classmethod
    def of(cls, conv: nn.Conv2d) -> DepthwiseConv2d:
        """The same convolution with the same weights."""
        made = cls(conv.in_channels, conv.out_channels, conv.kernel_size[0], conv.stride[0],
                   int(conv.padding[0]), groups=conv.groups, bias=False, device="meta")
        made.weight = conv.weight
        made.is_padded_same = type(conv).__name__ == "Conv2dSame"
        return made

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the name is torch's
        """(B, C, h, w) of (B, C, H, W)."""
        x_BCHW = input
        if self.is_padded_same:
            x_BCHW = pad_same(x_BCHW, list(self.kernel_size), list(self.stride))
        weight, stride, padding = self.weight, self.stride[0], int(self.padding[0])
        if not (torch.is_grad_enabled() and x_BCHW.device.type == "cpu"):
            return conv2d(x_BCHW, weight, None, stride, padding, 1, self.groups)
        if torch.is_autocast_enabled("cpu"):
            kind = torch.get_autocast_dtype("cpu")
            x_BCHW, weight = x_BCHW.to(kind), weight.to(kind)
        return _DepthwiseGradient.apply(x_BCHW, weight, stride, padding)  # type: ignore[return-value]


def use_fast_depthwise(network: nn.Module) -> None:
    """Replace each depthwise convolution of `network` that has a quick gradient."""
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Conv2d) and _is_depthwise(child):
                setattr(parent, name, DepthwiseConv2d.of(child))


def _is_depthwise(conv: nn.Conv2d) -> bool:
    side, stride = conv.kernel_size[0], conv.stride[0]
    is_square = len(set(conv.kernel_size)) == len(set(conv.stride)) == 1
    return (conv.groups == conv.in_channels == conv.out_channels > 1 and conv.bias is None
            and is_square and set(conv.dilation) == {1} and conv.padding_mode == "zeros"
            and not isinstance(conv.padding, str)
            and type(conv).__name__ in ("Conv2d", "Conv2dSame")
            and len(set(conv.padding)) == 1 and int(conv.padding[0]) < side
            and (side > 1 or stride == 1))
