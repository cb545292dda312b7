from mtbench.board.remarks import is_done, remarks
from mtbench.study.plan import Plan


def test_a_result_is_done_where_it_has_scores() -> None:
    assert is_done({"status": "done"})
    assert not is_done({"status": "failed"})
    assert not is_done(None)


def test_what_failed_is_not_remarked() -> None:
    assert list(remarks(Plan("t", [0], []), {"k": {"status": "failed"}}, [])) == []
