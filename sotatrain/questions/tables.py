"""Chapter 11: what a reader's code is compared with."""


def tables_shares(p, was, now):
    scaled = [each * b / a for each, a, b in zip(p, was, now)]
    return [each / sum(scaled) for each in scaled]

def tables_shares_cases():
    return [([.5, .5], [.5, .5], [.9, .1]), ([.2, .3, .5], [.1, .1, .8], [1/3, 1/3, 1/3]),
            ([1., 0.], [.3, .7], [.5, .5])]

def tables_shares_not_normalized(p, was, now):
    return [each * b / a for each, a, b in zip(p, was, now)]

def tables_shares_other_way_round(p, was, now): return tables_shares(p, now, was)
