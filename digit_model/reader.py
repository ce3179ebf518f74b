"""Frames to a Reading, by LiteRT. app.py and web call it with the Model that model_source.py serves.

    strokes -> pieces_of_strokes \
                                  pieces, one per digit -> read -> Reading
    picture -> pieces_of_image  /
"""

import math
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

from digit_model import frames, image, layout, strokes, touching

NOT_A_DIGIT = 10  # the model's eleventh class
REFUSAL = 0.8  # refused from this probability of "not a digit" on; chosen on MNIST's validation part, even tablet writers, and letters
BROAD = 0.8  # width over height up to which all ink may well be one sign that is no digit; at twice that it is as unlikely as among digits
WIDEST = 1.3  # width of a digit over the height of the ink that hangs together
CHUNK = 64  # frames of one call of the model: more at once are no faster, and each takes 0.2 MB while it runs
PLAUSIBLE = 0.5  # nats: a piece that more speaks against is only looked at where the others leave doubt
PARTING = 0.7, 2.0  # slope and bias of the log-odds that ink is parted rightly; fitted on numbers of even tablet writers
CUTTING = 0.3, 0.4, -0.6  # slopes of the log-odds of signs and of all, and bias, where ink was cut; fitted on the same
REFUSING = 0.4, 0.8  # slope and bias of the log-odds that all of it is no digit; fitted on those and on non-digits of hands.py
DOUBT_COST = 6.0  # nats against a piece of cut ink for each nat of doubt about its sign: halves of a sign look somewhat like digits
UNREAD = 0.005  # among digits, for each part of the ink that it leaves unread, a way to part it is so much less likely


@dataclass(frozen=True)
class Model:
    """What reads frames. Any thread may call it.

    classify: float32 (N, H, W, 1), 0 paper .. 1 ink -> probabilities float32 (N, 10 or 11); size: (H, W) of its frames;
    info: the "model" object of a Reading; path: of the converted file, for another process to open.
    """

    classify: Callable[[np.ndarray], np.ndarray]
    size: tuple[int, int]
    info: dict
    path: Path | None = None

    @classmethod
    def load(cls, path: Path, info: dict) -> "Model":
        """Open a converted model (.tflite) as model_file.py writes it."""
        interpreter = Interpreter(str(path), num_threads=1)  # a second thread saves no time, in 8 bits, and sometimes is long to wake
        entry, out = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
        lock = threading.Lock()  # an interpreter has one set of buffers
        count = None

        def classify(batch: np.ndarray) -> np.ndarray:
            nonlocal count
            with lock:
                if len(batch) != count:
                    interpreter.resize_tensor_input(entry["index"], batch.shape)
                    interpreter.allocate_tensors()
                    count = len(batch)
                interpreter.set_tensor(entry["index"], batch)
                interpreter.invoke()
                return interpreter.get_tensor(out["index"])

        _, height, width, _ = entry["shape_signature"]
        return cls(classify, (int(height), int(width)), info, path)


@dataclass(frozen=True, eq=False)
class Piece:
    """What may be one digit: its frame, float32 (28, 28), drawn when it is first looked at, and where it stands: x, y, width, height.

    Pieces may be different ways to part the same ink: each takes the parts start .. stop of it, and a reading takes every part once.
    cost: what speaks against the piece whatever its frame looks like, in nats; refusal_cost: what else speaks against its being no digit;
    line: its line of writing, from the top; cut: whether its ink was cut from other ink that it hangs together with.
    part: returns all ways to take the piece's own parts, numbered from 0, first of them the piece as a whole; parting_cost: what speaks at
    least against each of the others, infinity where there are none. Nobody looks for them where the whole leaves no doubt.
    """

    draw: Callable[[], np.ndarray]
    box: tuple[float, float, float, float]
    start: int
    stop: int
    line: int = 0
    cost: float = 0.0
    refusal_cost: float = 0.0
    cut: bool = False
    parting_cost: float = math.inf
    part: Callable[[], list["Piece"]] | None = None

    @cached_property
    def frame(self) -> np.ndarray:
        return self.draw()

    @cached_property
    def ways(self) -> list["Piece"]:
        return self.part()


def pieces_of_strokes(drawing: list[np.ndarray]) -> list[Piece]:
    """Return what may be the digits of a drawing, boxes in the strokes' own units; none when it is blank, or one dot of no size."""
    if not drawing or np.array_equal(*strokes.extent(drawing)):  # whatever has no size would be drawn as large as all else
        return []
    pieces, drawing = [], strokes.tidied(drawing)
    for run in layout.runs(np.array([np.concatenate(strokes.extent([stroke])) for stroke in drawing]).reshape(-1, 4)):
        digit = [drawing[i] for i in run.parts]
        pieces.append(Piece(partial(_redrawn, digit), strokes.box(digit), run.start, run.stop, run.line, run.cost))
    return pieces


def _redrawn(digit: list[np.ndarray]) -> np.ndarray:
    return frames.frame(strokes.ink(digit))


def pieces_of_image(picture: Image.Image) -> list[Piece]:
    """Return what may be the digits of an upright picture, boxes in its pixels; none when it is blank."""
    marks = image.marks(picture)
    boxes = np.array([mark.box for mark in marks]).reshape(-1, 4)  # x, y, width, height
    boxes[:, 2:] += boxes[:, :2]
    of_lines = [(line, marks[i]) for line, members in enumerate(layout.lines(boxes)) for i in members]
    return [_as_one(mark, number, line) for number, (line, mark) in enumerate(of_lines)]


def _as_one(mark: image.Mark, number: int, line: int) -> Piece:
    """Return the mark as one piece, which knows how to part itself."""
    draw = partial(frames.frame, mark.ink)
    against_cut = touching.cut_cost(mark.ink) / 2
    return Piece(draw, mark.box, number, number + 1, line, parting_cost=against_cut, part=partial(_ways, mark, draw, line))


def _ways(mark: image.Mark, draw: Callable[[], np.ndarray], line: int) -> list[Piece]:
    """Return the mark as one piece, and after it every run of the slices it may part into."""
    slices, costs = touching.slices(mark.ink)
    costs.append(0.0)  # of the mark's own end
    height = len(mark.ink)
    left, top, *size = frames.box(mark.ink)  # without the rim of paper around it, which the mark's box does not have either
    across, down = np.array(mark.box[2:]) / np.maximum(size, 1)
    boxes = np.array([frames.box(ink) for ink in slices])
    boxes[:, 2:] += boxes[:, :2]
    boxes[boxes[:, 2] == boxes[:, 0]] = [*mark.ink.shape[::-1], 0, 0]  # no ink: takes no part in what follows
    ways = [Piece(draw, mark.box, 0, len(slices), line, refusal_cost=touching.REFUSAL_COST if len(slices) > 1 else 0.0)]
    for start, stop in combinations(range(len(slices) + 1), 2):
        (x, y), (right, bottom) = boxes[start:stop, :2].min(0), boxes[start:stop, 2:].max(0)
        w, h = right - x, bottom - y
        if h > 0 and w <= WIDEST * height and stop - start < len(slices):
            box = (mark.box[0] + (x - left) * across, mark.box[1] + (y - top) * down, w * across, h * down)
            cost = (costs[start] + costs[stop]) / 2 + layout.cost_of_low(h, height)  # two pieces share what speaks against a seam
            ways.append(Piece(partial(_joined, slices[start:stop]), box, start, stop, line, cost, cut=True))
    return ways


def _joined(slices: list[np.ndarray]) -> np.ndarray:
    return frames.frame(np.sum(slices, 0))


def read(model: Model, pieces: list[Piece]) -> dict:
    """Return the Reading of the pieces: a dict ready for JSON."""
    return read_and_choose(model, pieces)[0]


def read_and_choose(model: Model, pieces: list[Piece]) -> tuple[dict, list[Piece]]:
    """Return the Reading of the pieces and the piece of each of its digits."""
    return next(read_each(model, [pieces]))


def read_each(model: Model, drawings: Iterable[list[Piece] | Exception]) -> Iterator[tuple[dict, list[Piece]]]:
    """Yield the Reading of each drawing's pieces, and the piece of each of its digits, in order; the model is called for many at once.

    What could not be opened comes as its error, and {"error": ...} is yielded in its place.
    """
    for chunk in _chunks(drawings):
        opened = [drawing if isinstance(drawing, list) else [] for drawing in chunk]
        known: dict[Callable, np.ndarray] = {}  # probabilities, by how a piece is drawn: that is the same however its parts are numbered
        looked_at = [_plausible(_parted(drawing, PLAUSIBLE)) for drawing in opened]
        _look(model, looked_at, known)
        looked_at = [_with_doubtful(drawing, pieces, known) for drawing, pieces in zip(opened, looked_at, strict=True)]
        _look(model, looked_at, known)
        for drawing, pieces in zip(chunk, looked_at, strict=True):
            if isinstance(drawing, Exception):
                yield {"error": str(drawing)}, []
            else:
                yield _reading(model, pieces, _of(pieces, known))


def _parted(drawing: list[Piece], most: float) -> list[Piece]:
    """Return the pieces, and of those that may be parted at a cost below `most` all ways to take their parts."""
    if all(piece.parting_cost >= most for piece in drawing):
        return drawing
    pieces, first = [], 0
    for piece in drawing:  # only marks of a picture may be parted, and they stand one after the other
        whole, *others = piece.ways if piece.parting_cost < most else [replace(piece, start=0, stop=1)]
        pieces += [replace(way, start=first + way.start, stop=first + way.stop) for way in (whole, *others)]
        first += whole.stop
    return pieces


def _plausible(drawing: list[Piece]) -> list[Piece]:
    """Return the pieces that little speaks against; all of them where these do not take the ink to its end."""
    found = [piece for piece in drawing if piece.cost < PLAUSIBLE]
    ends = [max((piece.stop for piece in pieces), default=0) for pieces in (found, drawing)]
    return found if ends[0] == ends[1] else drawing


def _with_doubtful(drawing: list[Piece], looked_at: list[Piece], known: dict[Callable, np.ndarray]) -> list[Piece]:
    """Return the pieces that were looked at, and all others that may be in a better answer than the best of these.

    A way that takes a piece is at most as likely as what speaks against the piece lets it be.
    """
    doubt = -best_way(looked_at, _of(looked_at, known))[0]
    return [piece for piece in _parted(drawing, max(doubt, PLAUSIBLE)) if piece.draw in known or piece.cost < doubt]


def _chunks(drawings: Iterable[list[Piece] | Exception]) -> Iterator[list[list[Piece] | Exception]]:
    """Yield the drawings in groups, each as soon as it has enough frames for one call of the model."""
    chunk, count = [], 0
    for drawing in drawings:
        chunk.append(drawing)
        count += len(drawing) if isinstance(drawing, list) else 0
        if count >= CHUNK:
            yield chunk
            chunk, count = [], 0
    if chunk:
        yield chunk


def classified(model: Model, batch: list[np.ndarray]) -> np.ndarray:
    """Return the probabilities of frames (28, 28), float (N, 11); a model of ten digits never refuses."""
    probabilities = np.zeros((len(batch), NOT_A_DIGIT + 1))
    for i in range(0, len(batch), CHUNK):
        answers = model.classify(_batch(batch[i : i + CHUNK], model.size))  # (N, 10 or 11)
        probabilities[i : i + CHUNK, : answers.shape[1]] = answers
    return probabilities


def _look(model: Model, groups: list[list[Piece]], known: dict[Callable, np.ndarray]) -> None:
    """Classify the pieces of all groups that are not known yet."""
    new = [piece for group in groups for piece in group if piece.draw not in known]
    known.update(zip((piece.draw for piece in new), classified(model, [piece.frame for piece in new]), strict=True))


def _of(pieces: list[Piece], known: dict[Callable, np.ndarray]) -> np.ndarray:
    """Return the probabilities of the pieces: float (N, 11)."""
    return np.array([known[piece.draw] for piece in pieces]).reshape(-1, NOT_A_DIGIT + 1)


def _reading(model: Model, pieces: list[Piece], probabilities: np.ndarray) -> tuple[dict, list[Piece]]:
    """Return the Reading of the pieces and the piece of each of its digits. probabilities: float (N, 11), of each."""
    reading = {"text": "", "verdict": "blank", "confidence": None, "digits": [], "model": model.info}
    if not pieces:
        return reading, []
    _, path = best_way(pieces, probabilities)
    signs = _signs(probabilities)
    confidence = certainty(pieces, _scores(probabilities, pieces), path, signs[path])
    digits, chosen = [_digit(probabilities[i], signs[i], pieces[i].box) for i in path], [pieces[i] for i in path]
    text = digits[0]["digit"]
    for digit, before, piece in zip(digits[1:], chosen, chosen[1:], strict=False):
        text += "\n" * (piece.line > before.line) + digit["digit"]
    if not set(text) - {"?", "\n"}:
        return reading | {"verdict": "not a digit", "confidence": confidence, "digits": digits}, chosen
    return reading | {"text": text, "verdict": "digit" if len(text) == 1 else "number", "confidence": confidence, "digits": digits}, chosen


def _scores(probabilities: np.ndarray, pieces: list[Piece]) -> np.ndarray:
    """Return the log-probability of each answer, the last "no digit", to each piece, less what speaks against it: float (N, 11)."""
    parts = max((piece.stop for piece in pieces), default=0)
    scores = np.log(np.maximum(probabilities, 1e-9))
    for score, piece, sign in zip(scores, pieces, _signs(probabilities), strict=True):
        _, _, width, height = piece.box
        against = piece.cost - (DOUBT_COST * score[sign] if piece.cut else 0)
        if piece.stop - piece.start < parts:
            unread = piece.stop - piece.start
        else:  # one sign and nothing else
            unread = min(max(width / max(height, 1e-9) - BROAD, 0) / BROAD, 1)
        score[NOT_A_DIGIT] += math.log(UNREAD) * unread - piece.refusal_cost
        score -= against
    return scores


def best_way(pieces: list[Piece], probabilities: np.ndarray) -> tuple[float, list[int]]:
    """Return the highest sum of scores with which pieces take every part once, and the places of these pieces; minus infinity if none do.

    probabilities: float (N, 11), of each piece. Dynamic programming over the parts, as in a segmentation lattice.
    """
    end = max((piece.stop for piece in pieces), default=0)
    best: list[tuple[float, list[int]]] = [(0.0, [])] + [(-math.inf, [])] * end
    scores = _scores(probabilities, pieces)[np.arange(len(pieces)), _signs(probabilities)]
    for i in sorted(range(len(pieces)), key=lambda i: pieces[i].start):
        so_far, path = best[pieces[i].start]
        best[pieces[i].stop] = max(best[pieces[i].stop], (so_far + scores[i], [*path, i]))
    return best[end]


def _signs(probabilities: np.ndarray) -> np.ndarray:
    """Return what each piece is taken for, one of the ten digits or NOT_A_DIGIT: float (N, 11) -> int (N,)."""
    return np.where(probabilities[:, NOT_A_DIGIT] >= REFUSAL, NOT_A_DIGIT, probabilities[:, :NOT_A_DIGIT].argmax(1))


def certainty(pieces: list[Piece], scores: np.ndarray, path: list[int], signs: np.ndarray) -> float:
    """Return the probability of an answer, 0 .. 1: that the ink is parted so, times that these are the signs of its parts.

    scores: float (N, 11), as of `_scores`; path: the places of the answer's pieces; signs: int (len(path),), what they are taken for.
    Ways to part the ink that are all but the same share what is due to one of them, halves of a sign look like digits, and what is
    refused may be digits that no seam parts: so all log-odds but those of a sign that stands alone get Platt's scaling (1999).
    """
    share = share_of_ways(pieces, scores, signs)
    of_signs = math.exp((scores[path, signs] - np.logaddexp.reduce(scores[path], axis=1)).sum())
    if set(signs) == {NOT_A_DIGIT}:
        slope, bias = REFUSING
        return _probability(slope * _log_odds(share) + bias)
    if any(pieces[i].cut for i in path):
        of_signs_slope, slope, bias = CUTTING
        return _probability(of_signs_slope * _log_odds(of_signs) + slope * _log_odds(share) + bias)
    of_parting = share / max(of_signs, 1e-9)
    if of_parting > 1 - 1e-9:  # there is no other way
        return of_signs
    slope, bias = PARTING
    return of_signs * _probability(slope * _log_odds(of_parting) + bias)


def _log_odds(probability: float) -> float:
    """Return the log-odds of a probability 0 .. 1, at most 21 from 0."""
    probability = min(max(probability, 1e-9), 1 - 1e-9)
    return math.log(probability / (1 - probability))


def _probability(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds))


def share_of_ways(pieces: list[Piece], scores: np.ndarray, signs: np.ndarray) -> float:
    """Return the share, 0 .. 1, of all ways to part the ink that give these signs, among all ways and all signs.

    The forward algorithm over the parts, once with these signs alone and once with all. scores: float (N, 11), as of `_scores`.
    """
    end = max(piece.stop for piece in pieces)
    every = np.full(end + 1, -math.inf)  # log of the summed probability of all that takes the parts up to here
    these = np.full((end + 1, len(signs) + 1), -math.inf)  # of what gives just so many of these signs
    every[0] = these[0, 0] = 0
    for i in sorted(range(len(pieces)), key=lambda i: pieces[i].start):
        start, stop = pieces[i].start, pieces[i].stop
        every[stop] = np.logaddexp(every[stop], every[start] + np.logaddexp.reduce(scores[i]))
        these[stop, 1:] = np.logaddexp(these[stop, 1:], these[start, :-1] + scores[i, signs])
    return math.exp(these[end, -1] - every[end])


def _batch(of_pieces: list[np.ndarray], size: tuple[int, int]) -> np.ndarray:
    """Return frames (28, 28) as one batch at the model's size: (N, H, W, 1)."""
    if size != (frames.FRAME, frames.FRAME):
        of_pieces = [cv2.resize(frame, size[::-1], interpolation=cv2.INTER_LINEAR) for frame in of_pieces]
    return np.stack(of_pieces)[..., None]


def _digit(probabilities: np.ndarray, sign: int, box: tuple) -> dict:
    return {
        "digit": "?" if sign == NOT_A_DIGIT else str(sign),
        "confidence": float(probabilities[sign]),
        "probabilities": probabilities[:NOT_A_DIGIT].tolist(),
        "box": [float(v) for v in box],
    }
