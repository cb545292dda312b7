"""Sources: public copies of the data sets on the Hugging Face Hub, each pinned to a commit."""

from collections.abc import Mapping
from dataclasses import dataclass

from mtbench.errors import unknown


@dataclass(frozen=True, kw_only=True)
class Source:
    """A data set on the Hub.

    Attributes:
        name: what ``data fetch`` calls it.
        task: the task that reads it.
        repository: its id on the Hub, among the data sets.
        revision: the commit, in full.
        files: what is fetched, by path in the repository, and where it goes in the data folder.
        terms: under which it may be used, in a few words.
        parquet: whether reading it needs pyarrow.
    """

    name: str
    task: str
    repository: str
    revision: str
    files: Mapping[str, str]
    terms: str
    parquet: bool = False

    @property
    def page(self) -> str:
        """Where a person finds the files."""
        return f"https://huggingface.co/datasets/{self.repository}/tree/{self.revision}"


def _glue(folder: str) -> dict[str, str]:
    """Return GLUE's files of one data set; the labels of its test split were never published."""
    names = [f"{folder}/{split}-00000-of-00001.parquet" for split in ("train", "validation")]
    return {name: name for name in names}


GLUE = "bcdcba79d07bc864c1c254ccfcedcce55bcc9a8c"
SST5 = "e51bdcd8cd3a30da231967c1a249ba59361279a3"

SOURCES = (
    Source(
        name="sst5",
        task="sst",
        repository="SetFit/sst5",
        revision=SST5,
        files={f"{split}.jsonl": f"sst5/{split}.jsonl" for split in ("train", "dev", "test")},
        terms="no licence is stated; for research, cite Socher et al., 2013",
    ),
    Source(
        name="qqp",
        task="pd",
        repository="nyu-mll/glue",
        revision=GLUE,
        files=_glue("qqp"),
        terms="Quora's terms of service, non-commercial; cite Wang et al., 2019 (GLUE)",
        parquet=True,
    ),
    Source(
        name="stsb",
        task="sts",
        repository="nyu-mll/glue",
        revision=GLUE,
        files=_glue("stsb"),
        terms="scores CC BY-SA 4.0, sentences under their sources' terms; cite Cer et al., 2017",
        parquet=True,
    ),
)


def chosen(names: tuple[str, ...]) -> tuple[Source, ...]:
    """Return the sources of these names, all where there is none.

    Raises:
        UsageError: if a name is not known.
    """
    known = {source.name: source for source in SOURCES}
    for name in names:
        if name not in known:
            raise unknown("data set", name, known)
    return tuple(known[name] for name in dict.fromkeys(names)) or SOURCES
