"""Sources: public copies of the data sets on the Hugging Face Hub, each pinned to a commit."""

from collections.abc import Mapping
from dataclasses import dataclass, field

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
        sha256: digests of the files, by path in the repository, as far as they are known.
        largest: bytes that a file may have at most.
        parquet: whether reading it needs pyarrow.
    """

    name: str
    task: str
    repository: str
    revision: str
    files: Mapping[str, str]
    terms: str
    sha256: Mapping[str, str] = field(default_factory=dict)
    largest: int = 1 << 26
    parquet: bool = False

    @property
    def page(self) -> str:
        """Where a person finds the files."""
        return f"https://huggingface.co/datasets/{self.repository}/tree/{self.revision}"


# GLUE's files of a data set with their digests, which are their ids in Git LFS; the labels of the
# test splits were never published. Of SST-5 not every file has a digest that is known: the
# receipts of a data folder hold what was fetched first.
QQP = {
    "qqp/train-00000-of-00001.parquet": (
        "4d6f02e643f7c36e9a4f7d4971a5ee9bd74063a319452fe6c87850c739774cd7"
    ),
    "qqp/validation-00000-of-00001.parquet": (
        "efd86a539c412d74874ee451573d7bd142f56c47fe36de033b9f367d8bb0fa71"
    ),
}
STSB = {
    "stsb/train-00000-of-00001.parquet": (
        "bbd93bbb988fd18437e02185fe3b2bd9a18350376c392e7820de9df1b247ed1f"
    ),
    "stsb/validation-00000-of-00001.parquet": (
        "152de7cf1fa34ee4df1c243bd209b02ade21a1d5c4fb3b7da5240f78e4000aa9"
    ),
}

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
        files={path: path for path in QQP},
        sha256=QQP,
        terms="Quora's terms of service, non-commercial; cite Wang et al., 2019 (GLUE)",
        parquet=True,
    ),
    Source(
        name="stsb",
        task="sts",
        repository="nyu-mll/glue",
        revision=GLUE,
        files={path: path for path in STSB},
        sha256=STSB,
        terms="scores CC BY-SA 4.0, sentences under their sources' terms; cite Cer et al., 2017",
        parquet=True,
    ),
)


def chosen(names: tuple[str, ...]) -> tuple[Source, ...]:
    """Return the sources of these names, all where there is none.

    Raises:
        UsageError: if a name is not known.
    """
    by_name = {source.name: source for source in SOURCES}
    for name in names:
        if name not in by_name:
            raise unknown("data set", name, by_name)
    return tuple(by_name[name] for name in dict.fromkeys(names)) or SOURCES
