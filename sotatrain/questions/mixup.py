"""Chapter 7: what a reader's code is compared with."""
import torch


def mixup_code(x, y, lam, perm):
    "λ of each picture and 1 − λ of its partner; targets in the same way."
    return lam*x + (1 - lam)*x[perm], lam*y + (1 - lam)*y[perm]

def mixup_code_cases():
    generator = torch.Generator().manual_seed(0)
    def batch(n):
        return torch.rand(n, 3, 2, 2, generator=generator), torch.eye(4)[torch.arange(n) % 4]
    return [(*batch(4), .7, torch.tensor([1, 2, 3, 0])),
            (*batch(2), .5, torch.tensor([1, 0])),
            (*batch(3), 1., torch.tensor([2, 0, 1])),
            (*batch(3), .1, torch.tensor([2, 0, 1]))]

def mixup_code_swapped(x, y, lam, perm): return mixup_code(x, y, 1 - lam, perm)

def mixup_code_labels_not_blended(x, y, lam, perm): return mixup_code(x, y, lam, perm)[0], y

def mixup_code_reversed(x, y, lam, perm):
    return mixup_code(x, y, lam, torch.arange(len(x)).flip(0))


def mixup_cutmix(left, top, right, bottom, height, width):
    "The share of a picture that still shows itself, with a box of another one pasted in."
    left, right = max(0, left), min(width, right)
    top, bottom = max(0, top), min(height, bottom)
    return 1 - (right - left) * (bottom - top) / (height * width)

def mixup_cutmix_cases():
    return [(0, 0, 4, 4, 8, 8),
            (-2, 1, 4, 5, 8, 8),
            (6, 6, 12, 12, 8, 10),
            (0, 0, 10, 8, 8, 10),
            (3, -4, 5, 20, 8, 10)]

def mixup_cutmix_outside(left, top, right, bottom, height, width):
    return 1 - (right - left) * (bottom - top) / (height * width)

def mixup_cutmix_of_the_partner(*box_and_size): return 1 - mixup_cutmix(*box_and_size)

def mixup_cutmix_in_pixels(left, top, right, bottom, height, width):
    return mixup_cutmix(left, top, right, bottom, height, width) * height * width
