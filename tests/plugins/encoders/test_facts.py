import json
from pathlib import Path

from mtbench_builtins.encoders.facts import Facts, of_folder


def test_what_sentence_transformers_declares_is_added(tmp_path: Path) -> None:
    facts = of_folder(tmp_path, drawn=True, longest=8, cased=0.5)
    assert facts == Facts(drawn=True, modules=(), declared=None, longest=8, cased=0.5)
    (tmp_path / "modules.json").write_text('[{"type": "x.Dense", "path": "2"}]')
    (tmp_path / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 7}))
    assert of_folder(tmp_path, drawn=True, longest=8, cased=0.5) == facts._replace(
        modules=("Dense (2)",), declared=7
    )
