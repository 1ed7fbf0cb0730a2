"""Chapter 8: what a reader's code is compared with."""


def smoothing_code(y, n_classes, eps):
    "(1 − ε) for the class, and ε/K for each."
    return [(1 - eps) * (k == y) + eps/n_classes for k in range(n_classes)]

def smoothing_code_cases(): return [(3, 10, .1), (0, 2, .5), (1, 4, 0.), (2, 3, 1.)]

def smoothing_code_over_the_others(y, n_classes, eps):
    return [1 - eps if k == y else eps/(n_classes - 1) for k in range(n_classes)]

def smoothing_code_right_without_its_share(y, n_classes, eps):
    return [1 - eps if k == y else eps/n_classes for k in range(n_classes)]

def smoothing_code_takes_nothing_away(y, n_classes, eps):
    return [1. if k == y else eps/n_classes for k in range(n_classes)]
