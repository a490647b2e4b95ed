"""What can go wrong for a person, said once, in both languages of the app."""


class Problem(Exception):
    """Something the person at the keyboard can mend: what is wrong and what to do, in English and Chinese.

    `str(problem)` is the English sentence; a page picks `problem.en` or `problem.zh`.
    """

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.en = en
        self.zh = zh


def count_of(number: int, noun: str) -> str:
    """`1 line`, `2,000 lines`: for English; Chinese has no plural."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
