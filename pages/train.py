"""Train."""

from pages.parts.language import t
from pages.parts.shell import shell

shell(t("Train", "训练"))
