import sys
import warnings

from mtbench.system.warner import Warner


def test_a_warning_is_given_once_and_at_the_line_of_the_caller() -> None:
    warner, other = Warner(), Warner()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warner("one")
        warner("two")
        line = sys._getframe().f_lineno - 1
        warner("one")
        other("one")

    assert [str(one.message) for one in caught] == ["one", "two", "one"]
    assert {one.filename for one in caught} == {__file__}
    assert caught[1].lineno == line
