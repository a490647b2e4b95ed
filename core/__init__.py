"""A Chinese→English Seq2Seq translator to train, run and take apart. Knows nothing of the web page."""

__version__ = "0.1.0"
