"""What a problem's tensors hold, read off by going through their indices."""


def data_rows(problem, rank):
    """Coordinates of the inputs' rank that are data, by sliding."""
    (_, a), (_, b) = rank.coefficients
    first, count = rank.data or (0, 10**9)
    p, r = (problem.extents[d] for d in rank.dimensions)
    return {a * i + b * j for i in range(p) for j in range(r) if first <= a * i + b * j < first + count}


def len_of(problem, tensor):
    words = 1
    for length in problem.shape(tensor):
        words *= length
    return words
