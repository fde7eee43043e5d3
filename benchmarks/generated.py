"""Networks whose mapping others can repeat: made by rule, with weights that take no memory.

No weight is 0, so that every synapse is stored: shapes decide a mapping, weights do not. Convolutions keep their
image ("same" padding) unless said; a pool of 2 x 2 is folded into the layer behind it. Sizes after facts published
for VGG (Simonyan and Zisserman), ResNet-18 in its CIFAR form, MobileNet v1 and lava-dl's PilotNet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from neuedge_nir.network.connect import Conv, Dense, Operator, Pool, PoolKind
from neuedge_nir.network.model import IF, Network, Origin, Population, Port, Projection, ResetMode

Shape = tuple[int, ...]
NEURON = IF(*(np.array(number, dtype=np.float32) for number in (1, 200, 0)))


def _weights(*shape: int) -> np.ndarray:
    """None is 0, and all take 8 bits; one row stands for all, so that they take no memory."""
    row = np.resize(np.array([127, -127, 64, -1], dtype=np.float32), shape[-1])
    return np.broadcast_to(row, shape)


@dataclass(slots=True)
class _Stack:
    """A network that grows layer by layer: `last` and `shape` are those of the latest."""

    name: str
    last: str
    shape: Shape
    pooled: tuple[Operator, ...] = ()
    populations: list[Population] = field(default_factory=list)
    projections: list[Projection] = field(default_factory=list)

    def conv(
        self, channels: int, kernel: int = 3, stride: int = 1, padding: int | None = None, *, depthwise: bool = False
    ) -> str:
        around = kernel // 2 if padding is None else padding
        return self.windows(channels, kernel, (stride, stride), (around, around), depthwise=depthwise)

    def windows(self, channels: int, kernel: int, stride: Shape, padding: Shape, *, depthwise: bool = False) -> str:
        """A convolution whose steps and padding differ along the axes."""
        source = self.pooled[-1].output_shape if self.pooled else self.shape
        sides = zip(source[1:], padding, stride, strict=True)
        side = tuple((size + 2 * around - kernel) // step + 1 for size, around, step in sides)
        groups = source[0] if depthwise else 1
        weight = _weights(channels, source[0] // groups, kernel, kernel)
        around = tuple((each, each) for each in padding)
        return self._add(
            "conv", Conv(self._next("conv"), weight, source, (channels, *side), stride, around, (1, 1), groups)
        )

    def repeat(self) -> str:
        """Neurons of their own for what comes in, one to one."""
        return self._add("repeat")

    def dense(self, neurons: int) -> str:
        source = self.pooled[-1].output_shape if self.pooled else self.shape
        return self._add("dense", Dense(self._next("dense"), _weights(neurons, int(np.prod(source)))))

    def pool(self, size: int = 2) -> None:
        """In front of the next layer."""
        out = (self.shape[0], *(side // size for side in self.shape[1:]))
        pool = Pool(f"pool{len(self.populations)}", PoolKind.SUM, self.shape, out, (size, size), (size, size), (0, 0))
        self.pooled = (pool,)

    def add(self, source: str, shape: Shape) -> None:
        """What `source` sends goes to the latest population too: neuron by neuron, or by a convolution of 1 x 1."""
        chain: tuple[Operator, ...] = ()
        if shape != self.shape:
            step = shape[1] // self.shape[1]
            weight = _weights(self.shape[0], shape[0], 1, 1)
            shortcut = f"{self.last}.shortcut"
            chain = (Conv(shortcut, weight, shape, self.shape, (step, step), ((0, 0), (0, 0)), (1, 1), 1),)
        self.projections.append(Projection(f"{source}-{self.last}", source, self.last, shape, self.shape, chain))

    def done(self) -> Network:
        out = Port("output", self.shape)
        last = Projection(f"{self.last}-output", self.last, "output", self.shape, self.shape)
        return Network(
            (Port("input", self._input),),
            (out,),
            tuple(self.populations),
            (*self.projections, last),
            Origin(self.name),
            ResetMode.ZERO,
            1.0,
        )

    @property
    def _input(self) -> Shape:
        return self.projections[0].source_shape

    def _next(self, kind: str) -> str:
        return f"{kind}{len(self.populations):02d}"

    def _add(self, kind: str, *operators: Operator) -> str:
        chain = (*self.pooled, *operators)
        name, shape = f"{self._next(kind)}.if", chain[-1].output_shape if chain else self.shape
        self.populations.append(Population(name, NEURON, shape))
        self.projections.append(Projection(f"{self.last}-{name}", self.last, name, self.shape, shape, chain))
        self.last, self.shape, self.pooled = name, shape, ()
        return name


def mlp(*sizes: int) -> Network:
    """Dense layers: an input of the first size, populations of the others."""
    stack = _Stack("MLP " + "-".join(map(str, sizes)), "input", sizes[:1])
    for size in sizes[1:]:
        stack.dense(size)
    return stack.done()


def nmnist() -> Network:
    """The N-MNIST network of the NIR paper (neuromorphs/NIR, paper/02_cnn): 8,970 neurons."""
    stack = _Stack("N-MNIST", "input", (2, 34, 34))
    stack.conv(16, 5, 2, padding=1)
    stack.conv(16)
    stack.pool()
    stack.conv(8)
    stack.pool()
    stack.dense(256)
    stack.dense(10)
    return stack.done()


def vgg(name: str, plan: str, *dense: int) -> Network:
    """`plan`: channels of convolutions of 3 x 3 on 32 x 32, M for a pool, separated by spaces; then dense layers."""
    stack = _Stack(name, "input", (3, 32, 32))
    for word in plan.split():
        if word == "M":
            stack.pool()
        else:
            stack.conv(int(word))
    for size in dense:
        stack.dense(size)
    return stack.done()


def vgg9() -> Network:
    """231k neurons, 6.4M weights."""
    return vgg("VGG-9", "64 64 M 128 128 M 256 256 M", 1024, 1024, 10)


def vgg16() -> Network:
    """277k neurons, 15.0M weights."""
    return vgg("VGG-16", "64 64 M 128 128 M 256 256 256 M 512 512 512 M 512 512 512 M", 512, 10)


def resnet18() -> Network:
    """In its CIFAR form, 557k neurons: the second convolution of a block also takes what came into the block."""
    stack = _Stack("ResNet-18", "input", (3, 32, 32))
    stack.conv(64)
    for channels in (64, 128, 256, 512):
        for block in range(2):
            source, shape = stack.last, stack.shape
            stack.conv(channels, stride=2 if channels > 64 and not block else 1)
            stack.conv(channels)
            stack.add(source, shape)
    stack.pool(stack.shape[1])
    stack.dense(10)
    return stack.done()


def mobilenet(side: int = 224) -> Network:
    """MobileNet v1, 5.04M neurons at 224 pixels: neurons behind every convolution, depthwise ones too."""
    stack = _Stack(f"MobileNet-{side}", "input", (3, side, side))
    stack.conv(32, stride=2)
    doubled = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
    for channels, stride in doubled:
        stack.conv(stack.shape[0], stride=stride, depthwise=True)
        stack.conv(channels, 1)
    stack.pool(stack.shape[1])
    stack.dense(1000)
    return stack.done()


def pilotnet() -> Network:
    """The sizes of lava-dl's pilotnet_snn, its input an ordinary layer of 39,600 neurons."""
    stack = _Stack("PilotNet", "input", (3, 66, 200))
    stack.repeat()
    for channels in (24, 36, 48):
        stack.conv(channels, 3, 2, 0)
    stack.windows(64, 3, (2, 1), (1, 0))
    stack.conv(64, 3, 1, 0)
    for size in (100, 50, 10, 1):
        stack.dense(size)
    return stack.done()


def layers(count: int) -> Network:
    """So many convolutions of 3 x 3 on 100 x 200, a channel each: 20,000 neurons a layer."""
    stack = _Stack(f"{count} layers", "input", (1, 100, 200))
    for _ in range(count):
        stack.conv(1)
    return stack.done()


GENERATED: Mapping[str, Callable[[], Network]] = {
    "N-MNIST": nmnist,
    "MLP 784-512-512-10": lambda: mlp(784, 512, 512, 10),
    "MLP 10x4096": lambda: mlp(*[4096] * 11),
    "PilotNet": pilotnet,
    "VGG-9": vgg9,
    "VGG-16": vgg16,
    "ResNet-18": resnet18,
    "MobileNet-224": mobilenet,
}
"""The networks that are mapped, by name."""
