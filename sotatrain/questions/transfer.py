"""Chapter 10: what a reader's code is compared with."""


def transfer_cycles(cycles, cycle_len, cycle_mult):
    return sum(cycle_len * cycle_mult**i for i in range(cycles))

def transfer_cycles_cases(): return [(3, 1, 2), (1, 5, 3), (4, 2, 1), (3, 2, 3)]

def transfer_cycles_all_alike(cycles, cycle_len, cycle_mult): return cycles * cycle_len

def transfer_cycles_the_last_one(cycles, cycle_len, cycle_mult):
    return cycle_len * cycle_mult ** (cycles - 1)
