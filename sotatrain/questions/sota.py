"""Chapter 9: what a reader's code is compared with."""


def sota_step(weights, decay):
    found = weights[0]
    for weight in weights[1:]: found = decay*found + (1 - decay)*weight
    return found

def sota_step_cases():
    return [([1., 2.], .9), ([0., 1., 1.], .5), ([3.], .7), ([1., 5., 2.], .2)]

def sota_step_other_way_round(weights, decay):
    found = weights[0]
    for weight in weights[1:]: found = (1 - decay)*found + decay*weight
    return found

def sota_step_plain_mean(weights, decay): return sum(weights) / len(weights)
