"Networks for tests: fast, and with a batch norm."
from torch import nn


class Net(nn.Sequential):
    def __init__(self, n_out):
        super().__init__(
            nn.Conv2d(3, 8, 3, stride=4),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Linear(32, n_out))


class Refuses(Net):
    def forward(self, x): raise RuntimeError('no')
