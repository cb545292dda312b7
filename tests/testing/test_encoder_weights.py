"""What these checks catch is in test_encoders; here, that they are an encoder's."""

from mtbench.testing import encoder_weights, encoders


def test_they_are_among_the_checks_of_an_encoder() -> None:
    names = [check.name for check in encoders.check.all]
    own = [check.name for check in encoder_weights.check.all]
    start = names.index(own[0])
    assert names[start : start + len(own)] == own
