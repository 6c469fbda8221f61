"""The quick gradient of a depthwise convolution is torch's own."""

import copy

import pytest
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from timm.layers.conv2d_same import Conv2dSame
from torch import Tensor, nn

from lesionlab.models.depthwise import DepthwiseConv2d, use_fast_depthwise

torch.set_num_threads(1)

SIDES = st.integers(7, 12)


def make_conv(kernel: int, stride: int, padding: int | None) -> nn.Conv2d:
    """Padding None is TensorFlow's `same`."""
    torch.manual_seed(kernel)
    if padding is None:
        return Conv2dSame(4, 4, kernel, stride, groups=4, bias=False)
    return nn.Conv2d(4, 4, kernel, stride, padding, groups=4, bias=False)


def draw_map(height: int, width: int) -> Tensor:
    generator = torch.Generator().manual_seed(height * 100 + width)
    return torch.randn(2, 4, height, width, generator=generator).contiguous(
        memory_format=torch.channels_last)


def find_gradients(conv: nn.Conv2d, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Output, and the gradients of a sum with uneven weights."""
    x = x.clone().requires_grad_()
    conv.weight.grad = None
    y = conv(x)
    (y * torch.linspace(-1, 1, y.numel()).reshape(y.shape)).sum().backward()
    assert x.grad is not None
    assert conv.weight.grad is not None
    return y.detach(), x.grad, conv.weight.grad


@settings(max_examples=30)
@given(st.sampled_from([3, 5, 7]), st.sampled_from([1, 2]), st.sampled_from(["same", "half", 0]),
       SIDES, SIDES)
def test_gradients_are_torchs(
    kernel: int, stride: int, padding: str | int, height: int, width: int
) -> None:
    known = {"same": None, "half": kernel // 2, 0: 0}
    conv = make_conv(kernel, stride, known[padding])
    x = draw_map(height, width)
    expected = find_gradients(conv, x)
    found = find_gradients(DepthwiseConv2d.of(conv), x)
    for name, left, right in zip(("output", "input", "weight"), found, expected, strict=True):
        torch.testing.assert_close(left, right, rtol=1e-4, atol=1e-4,
                                   msg=lambda text, name=name: f"{name}: {text}")


def test_a_gradient_that_no_one_needs_is_not_computed() -> None:
    conv = DepthwiseConv2d.of(make_conv(5, 2, 2))
    conv(draw_map(9, 9)).sum().backward()
    assert conv.weight.grad is not None
    conv.weight.requires_grad_(False)
    conv.weight.grad = None
    x = draw_map(9, 9).requires_grad_()
    conv(x).sum().backward()
    assert x.grad is not None
    assert conv.weight.grad is None


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
def test_under_bfloat16_gradients_are_close(kernel: int, stride: int) -> None:
    conv, x = make_conv(kernel, stride, None), draw_map(9, 10)
    expected = find_gradients(conv, x)
    with torch.autocast("cpu", torch.bfloat16):
        output = conv(x)
        found = find_gradients(DepthwiseConv2d.of(conv), x)
    assert (found[0].dtype, found[1].dtype, found[2].dtype) == (
        output.dtype, torch.float32, torch.float32) == (torch.bfloat16,) + (torch.float32,) * 2
    for left, right in zip(found, expected, strict=True):
        assert (left.float() - right).norm() < 0.02 * right.norm()


@pytest.mark.parametrize("name", ["test_efficientnet", "tf_efficientnet_lite0"])
def test_a_network_whose_convolutions_are_replaced_is_the_same(name: str) -> None:
    torch.manual_seed(0)
    network = timm.create_model(name, pretrained=False, num_classes=3).eval()
    replaced = copy.deepcopy(network)
    use_fast_depthwise(replaced)
    wanted = sum(isinstance(m, nn.Conv2d) and m.groups > 1 for m in network.modules())
    assert sum(isinstance(m, DepthwiseConv2d) for m in replaced.modules()) == wanted > 0
    states = network.state_dict(), replaced.state_dict()
    assert list(states[0]) == list(states[1])
    for key, value in states[0].items():
        torch.testing.assert_close(states[1][key], value, rtol=0, atol=0)
    x_BCSS = torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(replaced(x_BCSS), network(x_BCSS))  # with the gradient's code
    with torch.inference_mode():
        torch.testing.assert_close(replaced(x_BCSS), network(x_BCSS))


@pytest.mark.parametrize("conv", [
    nn.Conv2d(4, 4, 3), nn.Conv2d(4, 8, 3, groups=4), nn.Conv2d(4, 4, 3, groups=4, bias=True),
    nn.Conv2d(4, 4, 3, groups=4, dilation=2, bias=False),
    nn.Conv2d(4, 4, (3, 5), groups=4, bias=False), nn.Conv2d(4, 4, 1, 2, groups=4, bias=False),
    nn.Conv2d(4, 4, 3, padding="same", groups=4, bias=False),
    nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect", groups=4, bias=False),
], ids=str)
def test_other_convolutions_stay_as_they_are(conv: nn.Conv2d) -> None:
    network = nn.Sequential(conv)
    use_fast_depthwise(network)
    assert network[0] is conv


def test_replacing_draws_nothing_and_keeps_the_weights_themselves() -> None:
    network = nn.Sequential(make_conv(3, 1, 1))
    weight = network[0].weight
    state = torch.get_rng_state()
    use_fast_depthwise(network)
    assert isinstance(network[0], DepthwiseConv2d)
    assert network[0].weight is weight
    assert torch.equal(torch.get_rng_state(), state)
