"""Sentence pairs: cleaning, the honest split, and people's own files."""

import random

import pytest

from core.corpus import ParallelCorpus, clean, from_aligned, from_files, from_large_files, from_tsv, load, save_pairs
from core.problems import Problem
from core.split import sameness_key

# The corpora


def test_cleaning_drops_what_is_no_pair():
    assert clean(
        [
            ("我愛你!", "I love you！"),
            ("我爱你！", "I love you!"),
            ("", "Nothing."),
            ("好。", " \x00 "),
            ("Hello.", "Hello."),
            ("你好。", "你好 means hello."),
            ("你好。", "Hello."),
        ]
    ) == [("我爱你！", "I love you!"), ("你好。", "Hello.")]


def test_the_real_corpora_are_clean(real_corpus):
    assert len(real_corpus.pairs) == len(set(real_corpus.pairs)) > 55_000
    assert real_corpus.pairs == clean(real_corpus.pairs)
    assert not any("placeholder" in english.lower() for _, english in real_corpus.pairs)


def test_the_licences_are_named(real_corpus):
    assert "Tatoeba" in real_corpus.attribution
    assert "CC BY 2.0 FR" in real_corpus.attribution
    assert "CC BY-SA 4.0" in real_corpus.attribution


def test_an_unknown_corpus_is_a_problem():
    with pytest.raises(Problem, match="'wikipedia'; known: tatoeba, hsk"):
        load("tatoeba+wikipedia")


# The split


def sides(split):
    return split.train, split.valid, split.test


@pytest.mark.parametrize("seed", [1, 2])
def test_no_sentence_of_either_language_stands_on_two_sides(real_corpus, seed):
    split = real_corpus.split(seed)
    for language in (0, 1):
        train, valid, test = ({sameness_key(pair[language]) for pair in side} for side in sides(split))
        assert not train & valid
        assert not train & test
        assert not valid & test


def test_the_split_loses_nothing_and_holds_out_a_twentieth_at_most_two_thousand(real_corpus, pairs):
    split = real_corpus.split()
    assert sorted([*split.train, *split.valid, *split.test]) == sorted(real_corpus.pairs)
    for held_out in (split.valid, split.test):
        assert 2000 <= len(held_out) < 2020
    small = ParallelCorpus("files", pairs, "").split()
    assert len(small.valid) == len(small.test) == round(len(pairs) / 20)


def test_the_same_seed_gives_the_same_split_and_another_seed_another(real_corpus):
    assert sides(real_corpus.split(5)) == sides(real_corpus.split(5))
    assert set(real_corpus.split(5).test) != set(real_corpus.split(6).test)


def test_the_order_of_the_pairs_does_not_matter(real_corpus):
    some = real_corpus.pairs[:5000]
    shuffled = random.Random(3).sample(some, len(some))
    one, other = (ParallelCorpus("some", order, "").split() for order in (some, shuffled))
    assert [set(side) for side in sides(one)] == [set(side) for side in sides(other)]
    assert one.train == other.train


def test_more_pairs_move_few_to_another_side(real_corpus):
    fewer = ParallelCorpus("most", real_corpus.pairs[: len(real_corpus.pairs) * 9 // 10], "").split()
    more = real_corpus.split()
    assert len(set(more.test) & set(fewer.train)) < len(more.test) / 2


def test_a_large_group_trains_and_is_never_held_out(pairs):
    group = [("你好。", f"Hello number {n}.") for n in range(30)]
    for seed in range(20):
        split = ParallelCorpus("files", [*pairs, *group], "").split(seed)
        assert set(group) <= set(split.train)


@pytest.mark.parametrize(
    ("one", "other"), [("Hello, Tom!", "hello tom"), ("你好！", "你好"), ("It's 3:00.", "its 300"), ("A  B", "a b")]
)
def test_case_blanks_and_marks_make_no_other_sentence(one, other):
    assert sameness_key(one) == sameness_key(other)


def test_marks_alone_are_told_apart():
    assert sameness_key("?") != sameness_key("!")


@pytest.mark.parametrize("count", [0, 1, 19])
def test_too_few_pairs_are_a_problem_that_says_how_many_are_needed(pairs, count):
    with pytest.raises(Problem, match="at least 20"):
        ParallelCorpus("files", pairs[:count], "").split()


def test_twenty_pairs_are_enough(pairs):
    assert all(sides(ParallelCorpus("files", pairs[:20], "").split()))


def test_pairs_that_all_share_a_sentence_cannot_be_split():
    with pytest.raises(Problem, match="too few"):
        ParallelCorpus("files", [("你好。", f"Hello number {n}.") for n in range(50)], "").split()


# People's own files

CHINESE = "你好。\n再见。\n谢谢。"
ENGLISH = "Hello.\nGoodbye.\nThanks."
THREE = [("你好。", "Hello."), ("再见。", "Goodbye."), ("谢谢。", "Thanks.")]
TSV = "".join(f"{chinese}\t{english}\n" for chinese, english in THREE)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("end", ["", "\n", "\n\n\n"])
def test_files_are_read_whatever_wrote_them(encoding, newline, end):
    chinese, english, tsv = (
        (text.rstrip("\n") + end).replace("\n", newline).encode(encoding) for text in (CHINESE, ENGLISH, TSV)
    )
    assert from_aligned(chinese, english) == THREE
    assert from_tsv(tsv) == THREE


def test_big_endian_utf_16_is_read():
    assert from_tsv(b"\xfe\xff" + TSV.encode("utf-16-be")) == THREE


def test_line_counts_that_differ_are_a_problem_that_names_both():
    with pytest.raises(Problem, match=r"a\.zh has 3 lines and b\.en has 2") as error:
        from_aligned(CHINESE.encode(), b"Hello.\nGoodbye.\n", "a.zh", "b.en")
    assert "3 行" in error.value.zh
    assert "2 行" in error.value.zh


@pytest.mark.parametrize("gap", [0, 1, 2])
def test_an_empty_line_drops_its_pair_and_shifts_no_other(gap):
    english = ENGLISH.split("\n")
    english[gap] = ""
    expected = [pair for n, pair in enumerate(THREE) if n != gap]
    assert from_aligned((CHINESE + "\n").encode(), ("\n".join(english) + "\n").encode()) == expected


def test_empty_lines_at_the_end_of_one_file_alone_do_not_count():
    assert from_aligned((CHINESE + "\n\n \n").encode(), ENGLISH.encode()) == THREE
    assert from_aligned(CHINESE.encode(), (ENGLISH + "\n\n\n").encode()) == THREE


@pytest.mark.parametrize("separator", ["\u2028", "\x85", "\x0b", "\x0c", "\x1c"])
def test_a_line_separator_inside_a_line_does_not_shift_the_pairs(separator):
    chinese = CHINESE.replace("再", f"再{separator}")
    assert from_aligned(chinese.encode(), ENGLISH.encode())[2] == THREE[2]
    assert from_tsv(TSV.replace("再", f"再{separator}").encode())[2] == THREE[2]


def test_a_nul_counts_as_a_blank():
    assert from_tsv("你好。\tHello\x00there.\n\x00\n".encode()) == [("你好。", "Hello there.")]
    assert from_aligned("你好。\n".encode(), b"Hello\x00there.\n") == [("你好。", "Hello there.")]


def test_quotes_are_text():
    assert from_tsv('"好"\t"Good\n"再见\tBye"\n'.encode()) == [('"好"', '"Good'), ('"再见', 'Bye"')]


def test_further_columns_and_short_rows_are_left_out():
    assert from_tsv("好\tGood\t12\nalone\n\n再见\tBye\n".encode()) == [("好", "Good"), ("再见", "Bye")]


def test_a_pair_given_twice_counts_once():
    assert from_tsv((TSV + TSV).encode()) == THREE


@pytest.mark.parametrize(
    "content", [b"", b"\n\n", b"\xef\xbb\xbf", b"\t\n \t \n", b"\x00\x00", "好\t\n\tGood\n".encode()]
)
def test_a_file_without_pairs_is_a_problem_that_names_it(content):
    with pytest.raises(Problem, match=r"mine\.tsv"):
        from_tsv(content, "mine.tsv")


@pytest.mark.parametrize("line", ["只有中文", "a,b", "x" * 200_000])
def test_one_column_is_a_problem_that_says_what_to_do(line):
    with pytest.raises(Problem, match=r"mine\.tsv has one column.*tab"):
        from_tsv(f"{line}\n".encode(), "mine.tsv")


def test_a_very_long_line_is_read():
    assert from_tsv(f"{'好' * 100_000}\tGood\n".encode()) == [("好" * 100_000, "Good")]


def test_a_file_that_is_no_text_is_a_problem():
    with pytest.raises(Problem, match=r"photo\.tsv is neither UTF-8 nor GBK"):
        from_tsv(bytes(range(128, 256)) * 8, "photo.tsv")


def test_the_chinese_file_is_the_source_in_either_order():
    chinese, english = ("a.zh", CHINESE.encode()), ("a.en", ENGLISH.encode())
    swapped = "".join(f"{target}\t{source}\n" for source, target in THREE).encode()
    for files in ([chinese, english], [english, chinese], [("a.tsv", TSV.encode())], [("a.tsv", swapped)]):
        assert from_files(files) == THREE


@pytest.mark.parametrize("count", [0, 3])
def test_one_or_two_files_are_taken(count):
    with pytest.raises(Problem, match=r"one file .* or two"):
        from_files([("a", b"x")] * count)


def test_saved_pairs_are_read_again(tmp_path, pairs):
    save_pairs([*pairs, ('"a', "b'")], tmp_path / "pairs.tsv")
    assert from_tsv((tmp_path / "pairs.tsv").read_bytes()) == [*pairs, ('"a', "b'")]


# Files that are too large for memory


def test_large_files_are_read_line_by_line_to_the_same_pairs(tmp_path):
    three, source, target = (tmp_path / name for name in ("three.tsv", "a.zh", "a.en"))
    three.write_bytes(b"\xef\xbb\xbf" + TSV.replace("\n", "\tmore\r\n").encode())
    source.write_bytes(CHINESE.replace("\n", "\r\n").encode())
    target.write_bytes(f"{ENGLISH}\n\n\n".encode())
    assert list(from_large_files(three)) == list(from_large_files(source, target)) == THREE
    save_pairs(from_large_files(three), tmp_path / "saved.tsv")
    assert from_tsv((tmp_path / "saved.tsv").read_bytes()) == THREE


def test_large_files_that_do_not_fit_are_problems(tmp_path):
    source, target, wide = (tmp_path / name for name in ("a.zh", "a.en", "wide.tsv"))
    source.write_text(CHINESE, "utf-8")
    target.write_text("Hello.\nGoodbye.\n", "utf-8")
    wide.write_bytes(TSV.encode("utf-16"))
    for files, reason in (((source, target), "has 3 lines"), ((source,), "one column"), ((wide,), "UTF-8")):
        with pytest.raises(Problem, match=reason):
            from_large_files(*files)
