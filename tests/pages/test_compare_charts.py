"""The names of reference lines in Compare's charts."""

from itertools import combinations

from pages.parts.compare_charts import _sides


def test_names_of_lines_that_lie_close_stand_in_different_places():
    for values in ([0.1, 0.3, 0.5], [0.5, 0.1, 0.3], [9.8, 10.0, 0.1], [5.0, 5.0]):
        sides = _sides(values, 10)
        for (a, side), (b, other) in combinations(zip(values, sides, strict=True), 2):
            assert abs(a - b) >= 0.8 or side != other
