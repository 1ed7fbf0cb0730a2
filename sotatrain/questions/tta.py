"""Chapter 6: what a reader's code is compared with."""
import torch


def tta_code(plain, views, beta):
    "β of the plain probabilities, and 1 − β of the mean of the others."
    return beta*plain + (1 - beta)*views.mean(0)

def tta_code_cases():
    generator = torch.Generator().manual_seed(0)
    def probabilities(*shape): return torch.randn(*shape, generator=generator).softmax(-1)
    return [(probabilities(3, 4), probabilities(2, 3, 4), .25),
            (probabilities(1, 2), probabilities(4, 1, 2), .5),
            (probabilities(2, 3), probabilities(1, 2, 3), 0.)]

def tta_code_swapped(plain, views, beta): return tta_code(plain, views, 1 - beta)

def tta_code_summed(plain, views, beta): return beta*plain + (1 - beta)*views.sum(0)

def tta_code_largest(plain, views, beta): return beta*plain + (1 - beta)*views.amax(0)
