"""From pieces to a Reading, with a model of three lines."""

import numpy as np
import pytest

from digit_model import reader, touching

DOWN = np.array([[0, 0], [0, 100.0]])


def model(*rows):
    """Return a model that answers once with these rows, one a piece looked at: {class: probability}, class 10 is "not a digit"."""
    answers = iter([[row.get(c, 0.0) for c in range(11)] for row in rows])
    return reader.Model(lambda batch: np.array([next(answers) for _ in batch], np.float32), (28, 28), {"source": "test"})


def piece(start=0, stop=1, line=0, cost=0.0):
    return reader.Piece(lambda: np.zeros((28, 28), np.float32), (10 * start, 0, 10 * (stop - start), 20), start, stop, line, cost)


def test_nothing_is_blank_and_no_error():
    assert reader.read(model(), []) == {"text": "", "verdict": "blank", "confidence": None, "digits": [], "model": {"source": "test"}}


def test_a_digit_is_told_with_its_probability_and_box():
    reading = reader.read(model({4: 0.75, 9: 0.25}), [piece()])
    assert (reading["text"], reading["verdict"], reading["confidence"]) == ("4", "digit", pytest.approx(0.75))
    (digit,) = reading["digits"]
    assert digit["probabilities"] == [0, 0, 0, 0, 0.75, 0, 0, 0, 0, 0.25]
    assert digit["box"] == [0, 0, 10, 20]


def test_what_is_no_digit_is_refused_as_surely_as_such_refusals_are_right():
    reading = reader.read(model({4: 0.0625, 10: 0.9375}), [piece()])  # odds of 15
    slope, bias = reader.REFUSING
    expected = 1 / (1 + np.exp(-slope * np.log(15) - bias))
    assert (reading["text"], reading["verdict"], reading["confidence"]) == ("", "not a digit", pytest.approx(expected))


def test_a_model_of_ten_classes_never_refuses():
    ten = reader.Model(lambda batch: np.full((len(batch), 10), 0.1, np.float32), (28, 28), {})
    assert reader.read(ten, [piece()])["verdict"] == "digit"


def test_pieces_side_by_side_are_a_number():
    reading = reader.read(model({4: 1.0}, {2: 1.0}), [piece(0, 1), piece(1, 2)])
    assert (reading["text"], reading["verdict"]) == ("42", "number")


def test_lines_are_parted_by_a_line_break():
    assert reader.read(model({4: 1.0}, {2: 1.0}), [piece(0, 1, line=0), piece(1, 2, line=1)])["text"] == "4\n2"


def test_a_piece_that_is_no_digit_among_digits_is_a_question_mark():
    reading = reader.read(model({4: 1.0}, {10: 1.0}), [piece(0, 1), piece(1, 2)])
    assert (reading["text"], reading["verdict"]) == ("4?", "number")


def test_of_two_ways_to_part_the_ink_the_one_that_reads_better_is_taken():
    whole, left, right = piece(0, 2), piece(0, 1), piece(1, 2)
    assert reader.read(model({4: 0.9}, {1: 0.8}, {1: 0.8}), [whole, left, right])["text"] == "4"
    assert reader.read(model({4: 0.2, 10: 0.8}, {1: 0.8}, {1: 0.8}), [whole, left, right])["text"] == "11"


def test_what_speaks_against_a_piece_is_weighed_where_the_others_leave_doubt():
    left, right = piece(0, 1), piece(1, 2)
    for cost, text in ((1.0, "4"), (1.3, "11")):
        assert reader.read(model({1: 0.5}, {1: 0.5}, {4: 0.9}), [piece(0, 2, cost=cost), left, right])["text"] == text


def test_a_piece_that_cannot_be_in_a_better_answer_is_not_even_drawn():
    never = reader.Piece(lambda: pytest.fail("drawn"), (0, 0, 20, 20), 0, 2, cost=3.0)
    assert reader.read(model({1: 0.8}, {1: 0.8}), [never, piece(0, 1), piece(1, 2)])["text"] == "11"


def mark(number=0):
    """Return a mark of a picture, of two parts."""
    draw = piece().draw
    ways = [reader.Piece(draw, (0, 0, 20, 20), 0, 2), piece(0, 1, cost=0.6), piece(1, 2, cost=0.6)]
    return reader.Piece(draw, (0, 0, 20, 20), number, number + 1, parting_cost=0.6, part=lambda: ways)


def test_a_mark_that_leaves_no_doubt_is_not_even_parted():
    never = reader.replace(mark(), part=lambda: pytest.fail("parted"))
    assert reader.read(model({4: 0.8}), [never])["text"] == "4"


def test_a_mark_in_doubt_is_parted_and_what_was_seen_of_it_is_not_classified_again():
    assert reader.read(model({4: 0.1, 10: 0.8}, {1: 0.9}, {7: 0.9}), [mark()])["text"] == "17"


def test_what_speaks_against_a_refusal_does_not_speak_against_a_digit():
    left, right = piece(0, 1), piece(1, 2)
    for whole, text in (({4: 0.8}, "4"), ({10: 1.0}, "11")):
        rows = model(whole, {1: 0.5}, {1: 0.5})
        assert reader.read(rows, [reader.replace(piece(0, 2), refusal_cost=1.0), left, right])["text"] == text


@pytest.mark.parametrize(("second", "cut", "text"), [(0.6, False, "17"), (0.6, True, ""), (0.98, True, "17")])
def test_what_was_cut_from_other_ink_has_to_look_like_a_digit_without_doubt(second, cut, text):
    left, right = (reader.replace(piece(i, i + 1), cut=cut) for i in range(2))
    assert reader.read(model({4: 0.1, 10: 0.9}, {1: 0.98}, {7: second}), [piece(0, 2), left, right])["text"] == text


def of_two_digits(first, cut):
    """Return the confidence in "17", its 1 seen with this probability, where little speaks for one sign."""
    left, right = (reader.replace(piece(i, i + 1), cut=cut) for i in range(2))
    rows = model({4: 0.01, 10: 0.01}, {1: first, 7: 1 - first}, {7: 0.98, 1: 0.02})
    reading = reader.read(rows, [piece(0, 2), left, right])
    assert reading["text"] == "17"
    return reading["confidence"]


def test_an_answer_of_cut_ink_is_as_sure_as_such_answers_are_right():
    left, right = (reader.replace(piece(i, i + 1), cut=True) for i in range(2))
    rows = model({4: 0.05}, {1: 0.9, 7: 0.1}, {7: 0.9, 1: 0.1})
    of_both = 0.9**2
    of_all = of_both ** (1 + reader.DOUBT_COST) / (of_both**reader.DOUBT_COST + 0.05)  # the whole, as a 4, is the only other way
    of_signs_slope, slope, bias = reader.CUTTING
    log_odds = of_signs_slope * np.log(of_both / (1 - of_both)) + slope * np.log(of_all / (1 - of_all)) + bias
    reading = reader.read(rows, [piece(0, 2), left, right])
    assert (reading["text"], reading["confidence"]) == ("17", pytest.approx(1 / (1 + np.exp(-log_odds)), abs=1e-4))


def test_how_ink_was_cut_is_less_sure_than_how_strokes_are_parted():
    assert of_two_digits(0.98, cut=True) < of_two_digits(0.98, cut=False)


def test_doubt_about_a_sign_makes_an_answer_less_sure():
    for cut in (False, True):
        assert of_two_digits(0.9, cut) < of_two_digits(0.98, cut) - 0.05


def test_the_parts_of_all_marks_are_numbered_through():
    rows = [{4: 1.0}, {0: 0.1, 10: 0.8}, {9: 1.0}] + [{1: 0.9}, {7: 0.9}] * 3  # three marks, then the parts of each
    assert reader.read(model(*rows), [mark(0), mark(1), mark(2)])["text"] == "4179"


def test_another_way_to_part_the_ink_lowers_the_confidence_and_a_better_one_lowers_it_more():
    whole, left, right = piece(0, 2), piece(0, 1), piece(1, 2)
    as_good, nearly, hardly = (
        reader.read(model({4: 1.0}, {1: other, 10: 1 - other}, {1: 1.0}), [whole, left, right])["confidence"]
        for other in (0.99, 0.5, 0.001)
    )
    assert as_good < nearly < hardly < 1
    assert as_good == pytest.approx(1 / (1 + np.exp(-reader.PARTING[1])), abs=0.01)


def test_two_ways_to_the_same_answer_share_no_confidence():
    pieces = [piece(0, 1), piece(1, 3), piece(0, 2), piece(2, 3)]  # two places to part the same two digits
    reading = reader.read(model({1: 0.9}, {7: 0.9}, {1: 0.9}, {7: 0.9}), pieces)
    assert (reading["text"], reading["confidence"]) == ("17", pytest.approx(1, abs=0.01))


def test_frames_are_drawn_at_the_models_own_size():
    shapes = []

    def classify(batch):
        shapes.append(batch.shape)
        return np.full((len(batch), 10), 0.1, np.float32)

    reader.read(reader.Model(classify, (32, 40), {}), [piece()])
    assert shapes == [(1, 32, 40, 1)]


def test_a_low_slice_of_a_mark_costs_more_than_a_high_one():
    ink = np.zeros((80, 90), np.float32)
    ink[:, :8] = ink[36:44] = ink[30:50, -8:] = 1  # a tall upright line, and far from it a low one, joined
    costs = {(way.start, way.stop): way.cost for way in reader._ways(reader.image.Mark(ink, (0, 0, 90, 80)), lambda: ink, 0)}
    _, last = max(costs)
    assert costs[last - 1, last] > costs[0, 1] + 5


@pytest.mark.parametrize(("width", "against"), [(8, 0), (90, touching.REFUSAL_COST)])
def test_something_speaks_against_a_refusal_where_the_ink_can_be_cut(width, against):
    ink = np.zeros((80, width), np.float32)
    ink[:, :8] = ink[:, -8:] = ink[36:44] = 1
    whole, *others = reader._ways(reader.image.Mark(ink, (0, 0, width, 80)), lambda: ink, 0)
    assert (whole.refusal_cost, whole.cut, {way.cut for way in others}) == (against, False, {True} if against else set())


def test_strokes_beside_each_other_may_be_one_digit_or_two():
    pieces = reader.pieces_of_strokes([DOWN, DOWN + [20, 0]])
    assert sorted((p.start, p.stop) for p in pieces) == [(0, 1), (0, 2), (1, 2)]


def test_strokes_far_apart_are_never_one_digit():
    spans = {(p.start, p.stop) for p in reader.pieces_of_strokes([DOWN, DOWN + [80, 0], DOWN + [160, 0]])}
    assert spans == {(0, 1), (1, 2), (2, 3)}


def test_many_drawings_are_read_with_one_call_of_the_model_for_a_chunk():
    calls = []

    def classify(batch):
        calls.append(len(batch))
        return np.eye(11, dtype=np.float32)[batch[:, 0, 0, 0].astype(int)]

    def showing(sign):
        return reader.Piece(lambda: np.full((28, 28), sign, np.float32), (0, 0, 10, 20), 0, 1)

    drawings = [[showing(i % 10)] for i in range(2 * reader.CHUNK)] + [[], ValueError("no picture"), [showing(7)]]
    readings = [reading for reading, _ in reader.read_each(reader.Model(classify, (28, 28), {}), drawings)]
    assert [reading.get("text") for reading in readings] == [str(i % 10) for i in range(2 * reader.CHUNK)] + ["", None, "7"]
    assert readings[-2] == {"error": "no picture"}
    assert calls == [reader.CHUNK, reader.CHUNK, 1]


def test_a_drawing_of_very_many_pieces_is_classified_in_parts():
    sizes = []

    def classify(batch):
        sizes.append(len(batch))
        return np.tile(np.eye(11, dtype=np.float32)[1], (len(batch), 1))

    many = [piece(i, i + 1) for i in range(reader.CHUNK + 3)]
    assert reader.read(reader.Model(classify, (28, 28), {}), many)["text"] == "1" * len(many)
    assert sizes == [reader.CHUNK, 3]
