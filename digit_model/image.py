"""Pictures to marks: the clean ink of each digit in a photo, scan, drawing or screenshot. frames.py frames the ink; reader.py calls it.

    picture -> colours, of the sheet alone where one lies on a table -> plane, ink dark -> contrast, paper gone -> mask -> pieces, without
    boxes around digits -> groups of pieces, one per digit -> marks

On even ground ink is all that stands out. Elsewhere it is what is narrow, long and clear of the picture's edge: by that it is told from
paper, shadows, tables, frames and specks.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image, ImageOps

from digit_model import guard, layout
from digit_model.frames import DIGIT_BOX

FORMATS = ["PNG", "JPEG", "WEBP", "GIF", "BMP", "AVIF"]
REDUCED_PIXELS = 16_000_000  # larger pictures only as JPEG, which is decoded at 1/2, 1/4 or 1/8
LARGEST_SIDE = 1000  # pixels a picture is looked at with: a digit of 5 % of it still has 50
COARSE_SIDE = 96  # pixels, the extent where colour, polarity and line width are found
NO_PHOTO = 64  # pixels: what is no larger is a scan or drawing made small, without a table, a frame or rules
RIM = 0.03  # of the extent: what lies so near to the picture's edge with all its width is a line that the edge cut
AS_DARK = 0.6  # of the way from the ink to its paper: what is nearer to the ink is as dark; more, and noise passes for ink's edge
WIDTHS = 0.05, 0.15, 0.4  # of the extent: ink is narrower than one of these, paper is wider
WORK_SIZE = 112  # pixels, about the size a digit is cut out at: finer is noise
INK_SIDE = 4 * DIGIT_BOX  # pixels, longest side of a digit's ink
FILLS = 0.3  # of the longest side of the hole it is in, at least, is a digit in a box
BAR = 0.12  # width over length, at most, of a pen that lies on the paper
BAR_INK = 1.9  # its ink, at least, where a straight stroke as long as the digit beside it has 1
ROW = 1.5, 8  # width over height of what may be a row of digits that touch
FAINT, FADED = 0.2, 2  # of the strongest contrast: so faint may a line be where it goes on, for so many pixels from where it is clear
TRACE, BRIDGE = 0.1, 5  # so faint may ink be that closes a gap narrower than so many pixels: at a line's edge it would make it wider
THINNEST_LINE = 2.0  # pixels in MNIST's box of 20, where its own lines have 1.9, 2.7, 4.4 (5 %, median, 95 %), measured as in `thickened`

cv2.setNumThreads(1)  # pictures are small here: a second thread takes longer to wake than it saves, and much longer on a busy machine

try:
    import pillow_heif

    pillow_heif.register_heif_opener()
    FORMATS.append("HEIF")
except ImportError:  # HEIC is then refused like any unknown format
    pass


class UnreadableImage(ValueError):
    """A picture that cannot be read; the message tells people what was wrong and what to do."""


@dataclass(frozen=True)
class Mark:
    """One digit's ink, float32 (H, W), 0 paper .. 1 ink, cropped; its box (x, y, width, height) in pixels of the upright picture."""

    ink: np.ndarray
    box: tuple[float, float, float, float]


def open_image(data: bytes, max_pixels: int) -> Image.Image:
    """Return the first frame of a picture file, upright, of any mode; a large one reduced, its full size in `info["full_size"]`.

    Raises UnreadableImage; a size over the limits is refused before anything is decoded.
    """
    if not data:
        raise UnreadableImage("The file is empty. Send a picture of a digit.")
    try:
        image = Image.open(guard.FewReads(data), formats=FORMATS)
        width, height = image.size
        if width * height > max_pixels:
            raise Image.DecompressionBombError
        if width * height > REDUCED_PIXELS and image.format not in ("JPEG", "MPO"):
            raise UnreadableImage(f"A {image.format} picture may have 16 megapixels. Make it smaller, or send it as JPEG.")
        where = guard.where(image, data)
        if where is guard.Where.NOWHERE:
            raise UnreadableImage('This JPEG takes too many passes to open. Save it again without "progressive", and send the new file.')
        if image.format == "PNG":  # decoding alone passes over wrong checksums
            image.verify()
            image = Image.open(guard.FewReads(data), formats=FORMATS)
        if where is guard.Where.APART:
            return guard.opened_apart(data, image.format, LARGEST_SIDE)
        shrink = LARGEST_SIDE / max(width, height)
        image.draft(None, (int(width * shrink), int(height * shrink)))  # for JPEG only: the smallest size not below this
        image.load()
        turned = image.getexif().get(0x0112) in (5, 6, 7, 8)  # whatever else stands there, even text, turns nothing
        ImageOps.exif_transpose(image, in_place=True)
    except (UnreadableImage, guard.LeftToOthers):
        raise
    except Image.DecompressionBombError:
        raise UnreadableImage(f"The picture has more than {max_pixels / 1e6:g} megapixels. Make it smaller.") from None
    except Image.UnidentifiedImageError:
        raise UnreadableImage("This is no picture that can be read here. Send a PNG, JPEG, WebP, GIF, BMP, AVIF or HEIC file.") from None
    except Exception:  # decoders raise OSError, SyntaxError, ValueError, struct.error and more on damaged files
        raise UnreadableImage("The picture is damaged. Save it again and send the new file.") from None
    image.info["full_size"] = (height, width) if turned else (width, height)
    return image


def marks(image: Image.Image) -> list[Mark]:
    """Return the marks of a picture in reading order; an empty list where it is blank."""
    colours = rgb(image)  # uint8 (H, W, 3)
    scale = image.info.get("full_size", image.size)[0] / colours.shape[1]
    coarse = shrunk_to_extent(colours)
    sign = plain_sign(coarse)
    found = marks_of(colours, coarse, scale, (sign,), WIDTHS[-1:]) if sign else []
    found = found or marks_on_any(colours, coarse, scale)
    corners = np.array([[x, y, x + w, y + h] for x, y, w, h in (mark.box for mark in found)]).reshape(-1, 4)
    return [found[i] for row in layout.lines(corners) for i in row]


def plain_sign(coarse):
    """Return 1 for dark ink on light ground, -1 for light ink on dark, 0 where a glance does not tell; coarse: uint8 (H, W, 3).

    It tells where most of the picture's rim is on one side of Otsu's threshold, what is on that side is even, all else stands out from it,
    and nothing of that else is a plate. Then neither polarity nor the width of a line need be guessed.
    """
    plane = cv2.cvtColor(coarse, cv2.COLOR_RGB2GRAY)
    light = cv2.threshold(plane, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[1]
    sign = 1 if rim_of(light).mean() > 0.5 else -1
    mask = 1 - light if sign == 1 else light
    if rim_of(mask).mean() > 0.35 or not mask.any():
        return 0
    ink, ground = plane[mask == 1], plane[mask == 0]
    if (abs(ground - np.median(ground)) < 12).mean() < 0.7 or abs(ink.mean() - ground.mean()) < 60:
        return 0
    _, labels, stats = components(mask)
    large = np.flatnonzero(stats[1:, 4] > 0.02 * stats[1:, 4].max())[:60] + 1
    plates = (is_plate(labels[y : y + h, x : x + w] == i) for i, (x, y, w, h) in zip(large, stats[large, :4], strict=True))
    return 0 if any(plates) else sign


def is_plate(piece):
    """Return whether a piece, bool (H, W), cut to its box, is a sheet, a sign or the like, or has something written in it.

    A digit is hollow, bent or a bare stroke; what it encloses bulges, as in a 0, while what is written is bent.
    """
    outlines = cv2.findContours(with_paper(piece.view(np.uint8), 1), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)[0]
    outer, *holes = sorted(outlines, key=cv2.contourArea, reverse=True)
    holes = [hole for hole in holes if cv2.contourArea(hole) > 0.01 * piece.size]
    solid = piece.sum() > 0.75 * cv2.contourArea(outer)
    stroke = not holes and min(piece.shape) < 0.5 * max(piece.shape)
    return (solid and bulge(outer) > 0.93 and not stroke) or any(bulge(hole) < 0.75 for hole in holes)


def bulge(outline):
    """Return the area within an outline, as OpenCV has them, in parts of its convex hull's."""
    return cv2.contourArea(outline) / max(cv2.contourArea(cv2.convexHull(outline)), 1)


def rim_of(pixels):
    """Return the outermost pixels of a picture: (H, W, ...) -> (N, ...)."""
    return np.concatenate([pixels[0], pixels[-1], pixels[1:-1, 0], pixels[1:-1, -1]])


def marks_on_any(colours, coarse, scale):
    """Return the marks of any picture, in any order."""
    sheets = find_sheets(coarse)
    side = scale * (colours.shape[1] // coarse.shape[1])  # of a coarse pixel, in the upright picture
    found = [mark for sheet in sheets for mark in marks_on_sheet(colours, coarse, sheet, scale)]
    # What looks like a sheet may be the part of one that is in the light: then a digit may be beside it, or be cut by its rim.
    if not found or any(is_cut(mark, sheet, side) for sheet in sheets for mark in found):
        whole = marks_of(colours, coarse, scale, (1, -1))
        if not found:
            bare = [sheet for sheet in sheets if lies_free(sheet)]
            whole = [mark for mark in whole if not any(sheet[where(mark, side)].any() for sheet in bare)]
        found = whole if not found or len(whole) == len(found) else found
    return found


def shrunk_to_extent(colours):
    """Return the picture made smaller, its extent about COARSE_SIDE."""
    return shrunk(colours, COARSE_SIDE * max(colours.shape) / extent(colours))


def marks_on_sheet(colours, coarse, sheet, scale):
    """Return the marks on a sheet of paper, in any order; sheet: where it is in the coarse picture, as of `find_sheets`."""
    times = colours.shape[1] // coarse.shape[1]
    x, y, width, height = cv2.boundingRect(sheet)
    part, place = np.s_[y : y + height, x : x + width], np.s_[y * times : (y + height) * times, x * times : (x + width) * times]
    on_it = painted_over(colours[place], coarse[part], sheet[part])
    found = marks_of(on_it, shrunk_to_extent(on_it), scale, (1, -1))
    x, y = x * times * scale, y * times * scale
    return [Mark(mark.ink, (mark.box[0] + x, mark.box[1] + y, *mark.box[2:])) for mark in found]


def find_sheets(coarse):
    """Return the sheets of paper that lie on something else, each uint8 (H, W), 1 where it is, its rim left out.

    A sheet is a convex patch with corners on one side of a threshold (Otsu, "A Threshold Selection Method from Gray-Level Histograms",
    1979) when all around it is on the other. The colours are seen along what they differ in most.
    """
    if max(coarse.shape) <= NO_PHOTO:
        return []
    plane = cv2.medianBlur(along_most(coarse), 3)
    light = cv2.threshold(plane, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[1]
    for side in (light, 1 - light):
        sheets = [cv2.erode(patch, np.ones((3, 3), np.uint8), borderValue=1) for patch in patches(side) if is_sheet(patch, side, plane)]
        sheets = [sheet for sheet in sheets if sheet.any()]
        if sheets:
            return sheets
    return []


def along_most(colours):
    """Return the colours as one plane, uint8 (H, W): along what they differ in most (their first principal component)."""
    flat = colours[::2, ::2].reshape(-1, 3).astype(np.float32)
    mean = np.full(len(flat), 1 / len(flat), np.float32) @ flat
    direction = cv2.eigen(flat.T @ (flat - mean))[2][0]  # in a tenth of the time of NumPy's
    return seen_along(direction / abs(direction).sum(), colours)


def patches(mask):
    """Yield the connected pieces of a mask, each uint8 (H, W) with its holes filled: the largest, and those half as large at least.

    What is small or thin is left out, and what the picture's edge cuts at three sides or four.
    """
    _, labels = cv2.connectedComponentsWithAlgorithm(mask, 8, cv2.CV_16U, cv2.CCL_GRANA)  # OpenCV's stats of all take longer
    areas = np.bincount(labels.ravel())
    areas[0] = 0
    for piece in np.flatnonzero(areas >= max(0.5 * areas.max(), 0.02 * mask.size)):
        area, part = areas[piece], (labels == piece).view(np.uint8)
        x, y, w, h = cv2.boundingRect(part)
        if area < 0.45 * w * h or sum([x == 0, y == 0, x + w == mask.shape[1], y + h == mask.shape[0]]) > 2:
            continue
        outline = cv2.findContours(part, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0][0]
        patch = cv2.drawContours(np.zeros_like(mask), [outline], -1, 1, cv2.FILLED)
        if area > 0.6 * cv2.countNonZero(patch):
            yield patch


def is_sheet(patch, side, plane):
    """Return whether a patch is convex, with a sheet's corners, and around it all is otherwise; side: its side of the threshold, (H, W).

    Of a sheet that is not whole in the picture fewer corners are in sight. A shadow has none. What is narrow and bare is rather the line
    of a 1.
    """
    outline = cv2.findContours(patch, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0][0]
    hull = cv2.convexHull(outline)
    places = cv2.approxPolyDP(hull, 0.02 * cv2.arcLength(hull, True), True)[:, 0]
    _, sides, _ = cv2.minAreaRect(hull)
    before, after = (np.roll(places, by, 0) - places for by in (1, -1))
    cosine = (before * after).sum(1) / np.hypot(*before.T) / np.hypot(*after.T)
    inside = ((places > 2) & (places < np.array(patch.shape[::-1]) - 3)).all(1)
    corners = (inside & (abs(cosine) < 0.6)).sum()
    cut = sum(bool(rim.any()) for rim in (patch[:3], patch[-3:], patch[:, :3], patch[:, -3:]))
    near, far = (cv2.dilate(patch, np.ones((width, width), np.uint8)) for width in (3, 7))
    around = far > near
    return (
        cv2.contourArea(outline) > 0.93 * cv2.contourArea(hull)
        and (min(sides) > 0.3 * max(sides) or not side[patch > 0].all())
        and len(places) <= 7
        and corners >= max(1, 3 - cut)
        and around.any()
        and side[around].mean() < 0.2
        and abs(plane[patch > 0].mean() - plane[around].mean()) > 20
    )


def lies_free(sheet):
    """Return whether all of a sheet, uint8 (H, W), is in the picture, and it is rectangular."""
    outline = cv2.findContours(sheet, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0][0]
    _, sides, _ = cv2.minAreaRect(outline)
    in_sight = not (sheet[[0, -1]].any() or sheet[:, [0, -1]].any())
    return in_sight and cv2.contourArea(outline) > 0.93 * sides[0] * sides[1]


def is_cut(mark, sheet, side):
    """Return whether a mark's box reaches the rim of a sheet, uint8 (H, W), a pixel as wide as `side` in the mark's picture."""
    rim = sheet - cv2.erode(sheet, np.ones((3, 3), np.uint8), borderValue=1)
    return rim[where(mark, side)].any()


def where(mark, side):
    """Return the place of a mark's box in a picture with pixels as wide as `side` in the mark's."""
    x, y, w, h = (v / side for v in mark.box)
    return np.s_[round(y) : round(y + h) + 1, round(x) : round(x + w) + 1]


def painted_over(colours, small, sheet):
    """Return the colours on the sheet, and close beside it those of its paper: uint8 (H, W, 3). small: the same, of the mask's size."""
    side = max(sheet.shape) // 4 | 1
    weight = sheet.astype(np.float32)[..., None]
    paper = cv2.blur(small * weight, (side, side)) / np.maximum(cv2.blur(weight, (side, side)), 1e-3)[..., None]
    size = colours.shape[1::-1]
    paper, mask = cv2.resize(paper.astype(np.uint8), size), cv2.resize(sheet, size, interpolation=cv2.INTER_NEAREST)
    cv2.copyTo(colours, mask, paper)
    return paper


def marks_of(colours, coarse, scale, signs, widths=WIDTHS):
    """Return the marks of pixels (H, W, 3), in any order.

    coarse: the same, smaller; scale: of the boxes; signs: 1 for dark ink, -1 for light; widths: as WIDTHS, where ink is looked for.
    """
    ink = find_ink(coarse, signs, widths)
    if ink is None:
        return []
    direction, line, size = ink
    finer = shrunk(colours, max(COARSE_SIDE, max(coarse.shape) * WORK_SIZE / size))
    plane = seen_along(direction, finer)
    paper = find_paper(plane, line * max(finer.shape) / max(coarse.shape))
    darker = cv2.subtract(paper, plane)
    pieces = Pieces(cv2.divide(darker, cv2.max(paper, 100), scale=255), follow=True)  # 100: a dark table's noise stays small
    chosen = groups(pieces)
    if chosen and is_edge(pieces, np.concatenate(chosen), plane, darker):  # perhaps the paper inside light ink, or around it
        return marks_of(colours, coarse, scale, (-np.sign(direction.sum()),)) if len(signs) == 2 else []
    scale *= colours.shape[1] / finer.shape[1]
    return [Mark(cut_out(pieces, group), tuple(float(v) * scale for v in pieces.box(group))) for group in chosen]


def rgb(image):
    """Return any picture as uint8 (H, W, 3), longest side at most LARGEST_SIDE, transparent paper white, under white ink black."""
    if image.mode.startswith("I"):  # 16 bits, which Pillow would clip; cameras fill 10 or 12 of them
        values = np.asarray(image).astype(np.float32).clip(0, 65535)
        bits = max(8, int(values.max()).bit_length())
        image = Image.fromarray((values * (255 / (2**bits - 1))).astype(np.uint8))
    mode = "RGBA" if image.has_transparency_data else "RGB"
    if image.mode != mode or max(image.size) > LARGEST_SIDE:
        image = image.convert(mode)  # a copy
        image.thumbnail((LARGEST_SIDE, LARGEST_SIDE), Image.Resampling.BOX)
    pixels = np.asarray(image)
    if pixels.shape[2] == 3:
        return pixels
    opaque = pixels[..., 3:].astype(np.float32) / 255
    light = (pixels[..., :3] * opaque).mean() / max(opaque.mean(), 1e-6)
    darkest = cv2.cvtColor(pixels, cv2.COLOR_RGBA2GRAY)[pixels[..., 3] > 128].min(initial=255)
    paper = 0 if light > 200 and (opaque.mean() < 0.5 or darkest > 200) else 255
    return (pixels[..., :3] * opaque + paper * (1 - opaque) + 0.5).astype(np.uint8)


def extent(pixels):
    """Return the longest side of a picture, of a strip twice its shortest: a row of digits is looked at as finely as one of them."""
    height, width = pixels.shape[:2]
    return min(max(height, width), 2 * min(height, width))


def shrunk(pixels, side):
    """Return the picture made smaller by a whole number (by any other OpenCV is slow), its longest side about `side` pixels.

    Where that is even, to half the size first, and again: OpenCV is quick at that, and all of it takes a third to two thirds of the time.
    """
    times = max(1, round(max(pixels.shape) / side))
    height, width = (max(1, v // times) for v in pixels.shape[:2])
    pixels = pixels[: height * times, : width * times]
    while times > 1:
        times = 1 if times % 2 else times // 2
        pixels = cv2.resize(pixels, (width * times, height * times), interpolation=cv2.INTER_AREA)
    return pixels


def find_ink(coarse, signs, widths):
    """Return (direction, line, size) of the ink in a coarse picture, None where there is none.

    direction, float (3,): how its colour departs from the paper's, absolute sum 1; line: width of its main piece's line; size: longest side
    of a digit of that piece, pixels.

    Dark and light ink are looked for at several widths. Ink makes long pieces already at a small width; paper in and between digits makes
    broad ones, at larger widths.
    """
    planes = []  # (direction, uint8 (H, W) with that ink dark)
    for sign in signs:
        bright = coarse if sign == 1 else 255 - coarse
        away = cv2.subtract(closed(bright, widths[len(widths) // 2]), bright).reshape(-1, 3).astype(np.float32)
        direction = (np.square(away) @ np.ones(3, np.float32)) @ away  # a product, where sums along three are slow
        if direction.any():
            direction /= direction.sum()
            planes.append((sign * direction, seen_along(direction, bright)))
    best, second = (0, None, 0), 0
    for width in widths:
        for direction, plane in planes:
            pieces = Pieces(cv2.subtract(closed(plane, width), plane))
            if not pieces.weight.any():
                continue
            main = pieces.weight.argmax()
            line, size = pieces.line(main), pieces.size[main]
            stroke = pieces.h[main] < 1.2 * line  # what is wide may be one stroke of a digit, and no row
            digit = size if stroke else digit_size(pieces.w[main], pieces.h[main])
            thin = digit / line
            if pieces.w[main] > 0.85 * coarse.shape[1]:  # ruled paper that hangs together with a digit
                digit = size
            score = pieces.weight[main] / size**0.5 * min(1, thin / 8) * (1 - width) ** 2
            second = max(second, min(score, best[0]))
            best = max(best, (score, (direction, line, digit), thin), key=lambda found: found[0])
        if best[0] > 4 * second and best[2] > 7:  # clear at once, as mostly; it halves the time
            break
    return best[1]


def digit_size(width, height):
    """Return the longest side of a digit in ink of that size: of all of it, or its height where it is as wide as a row of digits."""
    return height if ROW[0] < width / height < ROW[1] else max(width, height)


def seen_along(direction, colours):
    """Return the colours as one plane, uint8 (H, W), in which the ink is dark."""
    matrix = np.float32([[*direction, -255 * direction.clip(max=0).sum()]])
    return cv2.add(cv2.transform(colours.astype(np.float32), matrix), 0, dtype=cv2.CV_8U)  # of bytes it takes OpenCV twice the time


def closed(pixels, width):
    """Return the picture with everything dark filled from around that is narrower than `width`, a part of the extent."""
    side = max(5, round(extent(pixels) * width)) | 1
    return cv2.morphologyEx(pixels, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))


def find_paper(plane, line):
    """Return the light of the paper under the ink, uint8 (H, W); line: width of the ink's line, pixels."""
    return closed(plane, (2 * line + 3) / extent(plane))


def histogram(pixels, mask=None):
    """Return how often each value stands in pixels, uint8 (H, W), all of them or those where a mask is not 0, mostly few: int (256,)."""
    if mask is not None:
        return np.bincount(pixels[mask > 0], minlength=256)
    return cv2.calcHist([pixels], [0], None, [256], [0, 256]).ravel().astype(int)


def quantile(counts, part):
    """Return the value of a histogram up to which so large a part of it lies."""
    up_to = counts.cumsum()
    return int(up_to.searchsorted(part * up_to[-1]))


def level_and_noise(counts):
    """Return the median of a histogram, and six median deviations: four standard deviations of normal noise."""
    level = quantile(counts, 0.5)
    apart = np.bincount(np.abs(np.arange(256) - level), counts)
    return level, 6 * quantile(apart, 0.5)


def ink_mask(contrast, counts, follow):
    """Return uint8 (H, W), 1 where the contrast is that of ink: 0.4 of the strongest, and above the noise unless ink covers the picture.

    counts: the contrast's histogram; follow: go on a little along lines that become fainter, as thin ones do between two rows of pixels.
    """
    level, noise = level_and_noise(counts)
    most = min(max(4, contrast.size // 2000), contrast.size)
    strongest = np.minimum(counts[:0:-1].cumsum(), most).sum() / most  # their mean: each value counts those of them that reach it
    above_noise = min(max(level + noise, 10), 0.5 * strongest)
    clear = cv2.threshold(contrast, int(max(0.4 * strongest, above_noise)), 1, cv2.THRESH_BINARY)[1]
    if follow:
        faint = cv2.threshold(contrast, int(max(FAINT * strongest, above_noise)), 1, cv2.THRESH_BINARY)[1]
        for _ in range(FADED):
            clear |= cv2.dilate(clear, np.ones((3, 3), np.uint8)) & faint
        trace = cv2.threshold(contrast, int(max(TRACE * strongest, above_noise)), 1, cv2.THRESH_BINARY)[1]
        clear |= cv2.morphologyEx(clear, cv2.MORPH_CLOSE, np.ones((BRIDGE, BRIDGE), np.uint8)) & trace
    return clear


def without_rules(mask):
    """Return the mask without thin lines that run across the picture, as on ruled and squared paper; ink that crosses them stays."""
    thin = max(3, round(0.012 * max(mask.shape)))
    for across in (np.ones((thin, 1), np.uint8), np.ones((1, thin), np.uint8)):
        flat = mask & ~cv2.morphologyEx(mask, cv2.MORPH_OPEN, across)
        along = np.ones((4 * thin + 3, 1) if across.shape[0] == 1 else (1, 4 * thin + 3), np.uint8)
        _, labels, stats = components(cv2.morphologyEx(flat, cv2.MORPH_CLOSE, along))
        width, height = stats[:, 2], stats[:, 3]
        length, bend, whole = (width, height, mask.shape[1]) if across.shape[1] == 1 else (height, width, mask.shape[0])
        rule = (length > 0.85 * whole) & (bend < 0.12 * length)
        rule[0] = False
        mask = mask & ~(flat & rule[labels])
    return mask


def components(mask, neighbours=8):
    """Return the connected pieces of a mask, uint8 (H, W), paper as the first: how many, which at each pixel (H, W), and OpenCV's stats.

    The default algorithm is made for large pictures and takes three times as long on small ones; numbers of 32 bits take twice as long.
    """
    kind = cv2.CV_16U if mask.size < 100_000 else cv2.CV_32S  # pieces are at most half as many
    return cv2.connectedComponentsWithStatsWithAlgorithm(mask, neighbours, kind, cv2.CCL_GRANA)[:3]


class Pieces:
    """The connected pieces of ink: x, y, w, h, area, size (longest side), contrast, each (N,), and labels (H, W), piece i as i + 1;
    mask and values (H, W): where there is ink, its contrast; counts (256,): the histogram of the values.

    clear, 0 .. 1: less where a piece lies along the picture's edge, 0 where all of it is within RIM of that. weight: extent times contrast,
    little where it can be no digit.
    """

    def __init__(self, contrast, follow=False):
        self.values, self.counts = contrast, histogram(contrast)
        self.find(ink_mask(contrast, self.counts, follow))
        boxes = self.drawn_around()
        if boxes:
            self.find(self.mask & (1 - self.among(boxes).take(self.labels)))
        height, width = contrast.shape
        if max(height, width) > NO_PHOTO and ((self.w > 0.85 * width) | (self.h > 0.85 * height)).any():
            self.find(without_rules(self.mask))

    def find(self, mask):
        height, width = mask.shape
        self.mask = mask
        count, self.labels, stats = components(mask)
        self.x, self.y, self.w, self.h, self.area = stats[1:].T
        self.size = np.maximum(self.w, self.h)
        ink = np.flatnonzero(mask.view(bool))
        self.contrast = np.bincount(self.labels.ravel()[ink], self.values.ravel()[ink], count)[1:] / self.area
        clear = 1 - (np.bincount(rim_of(self.labels), minlength=count)[1:] / (self.w + self.h)) ** 4
        near_edge = np.minimum(np.minimum(self.x + self.w, self.y + self.h), np.minimum(width - self.x, height - self.y))
        small = max(height, width) <= NO_PHOTO  # digits may fill it to the edge
        self.clear = np.where(near_edge <= max(1, RIM * extent(mask)), 0, np.maximum(clear, 0.5 if small else 0))
        hyphen = (self.h < 0.3 * self.w) & ((self.area > 0.5 * self.w * self.h) | (self.h < 0.1 * self.w))
        large = (self.w > 0.4 * width) & (self.h > 0.4 * height)
        frame = np.array([large[i] and self.is_frame(i) for i in range(count - 1)], bool)
        self.weight = np.hypot(self.w, self.h) * self.contrast * self.clear * np.where(hyphen | frame, 0.1, 1)
        self.weight[self.bars()] = 0

    def bars(self):
        """Return the pieces that lie beside what is written as pens do: straight, with more ink than a stroke of the hand that wrote it."""
        heavy = np.flatnonzero(self.weight > 0.1 * self.weight.max(initial=0))
        if len(heavy) < 2:
            return []
        heavy = heavy[np.argsort(-self.weight[heavy])][:60]
        slender = heavy[self.area[heavy] < BAR * np.hypot(self.w[heavy], self.h[heavy]) ** 2]
        straight = [i for i in slender if self.is_straight(i)]
        written = next((i for i in heavy if i not in straight), None)
        if not straight or written is None:
            return []
        stroke, size = self.line(written) * self.size[written], self.size[written]
        # Where all else is smaller than a fourth of it, that is print beside a large 1.
        return [i for i in straight if self.area[i] > BAR_INK * stroke and self.size[i] < 4 * size]

    def is_straight(self, i):
        """Return whether a piece is a straight stroke or bar."""
        piece = self.labels[self.y[i] : self.y[i] + self.h[i], self.x[i] : self.x[i] + self.w[i]] == i + 1
        _, sides, _ = cv2.minAreaRect(np.argwhere(piece).astype(np.float32))
        return min(sides) + 1 < BAR * (max(sides) + 1)

    def drawn_around(self):
        """Return the pieces that are drawn around others: boxes, rings, tables."""
        heavy = np.flatnonzero(self.weight > 0.1 * self.weight.max(initial=0))
        if len(heavy) < 2:
            return []
        heavy = heavy[np.argsort(-self.weight[heavy])][:60]
        corners = np.stack([self.x, self.y, -self.x - self.w, -self.y - self.h])[:, heavy]
        inside = (corners[:, None] > corners[:, :, None]).all(0)
        return [heavy[i] for i in np.flatnonzero(inside.any(1)) if self.has_in_a_hole(heavy[i], heavy[inside[i]])]

    def has_in_a_hole(self, i, within):
        """Return whether one of the other pieces fills a hole of this one as a digit fills its box, and not as the stroke through a 0."""
        gap = 1 + min(self.w[i], self.h[i]) // 10  # in a ring drawn by hand, about
        labels = with_paper(self.labels[self.y[i] : self.y[i] + self.h[i], self.x[i] : self.x[i] + self.w[i]], gap)
        free = 1 - cv2.dilate((labels == i + 1).view(np.uint8), np.ones((gap, gap), np.uint8))
        _, holes, stats = components(free, 4)
        for j in within:
            x, y = self.x[j] - self.x[i] + gap, self.y[j] - self.y[i] + gap
            part = np.s_[y : y + self.h[j], x : x + self.w[j]]
            ink = labels[part] == j + 1
            hole = np.bincount(holes[part][ink]).argmax()
            w, h, area = stats[hole, 2:5]
            oval = w < 0.75 * h and area < 0.87 * w * h  # the shape of a 0
            if hole not in (0, holes[0, 0]) and self.size[j] > FILLS * max(w, h) and not is_stroke_or_dot(ink, oval):
                return True
        return False

    def is_frame(self, i):
        """Return whether all of a piece lies along the edge of its box."""
        x, y, w, h = self.x[i], self.y[i], self.w[i], self.h[i]
        dx, dy = 1 + w // 12, 1 + h // 12
        return (self.labels[y + dy : y + h - dy, x + dx : x + w - dx] == i + 1).sum() < 0.05 * self.area[i]

    def line(self, i):
        """Return the width of a piece's line at its widest, in pixels."""
        around = np.s_[max(self.y[i] - 1, 0) : self.y[i] + self.h[i] + 1, max(self.x[i] - 1, 0) : self.x[i] + self.w[i] + 1]
        piece = (self.labels[around] == i + 1).view(np.uint8)
        return 2 * cv2.distanceTransform(piece, cv2.DIST_L2, 3).max()  # to the nearest paper; the picture's edge is none

    def typical_line(self, group):
        """Return the width of most of the line of several pieces, in pixels: of a loop that ran full, its widest is many times that."""
        x, y, w, h = self.box(group)
        part = with_paper(self.among(group).take(self.labels[y : y + h, x : x + w]), 1)
        return 4 * np.median(cv2.distanceTransform(part, cv2.DIST_L2, 3)[part > 0])  # across a line, half of it is so near to its edge

    def among(self, group):
        """Return uint8 (N + 1,), 1 at the labels of several pieces."""
        chosen = np.zeros(len(self.size) + 1, np.uint8)
        chosen[np.asarray(group) + 1] = 1
        return chosen

    def box(self, group):
        """Return x, y, width, height of several pieces."""
        x, y = self.x[group].min(), self.y[group].min()
        return x, y, (self.x + self.w)[group].max() - x, (self.y + self.h)[group].max() - y

    def gaps(self, group, i):
        """Return how far a piece is from a group to the side, and up or down; negative where they overlap."""
        x, y, w, h = self.box(group)
        side = max(x, self.x[i]) - min(x + w, self.x[i] + self.w[i])
        return side, max(y, self.y[i]) - min(y + h, self.y[i] + self.h[i]), w, h


def is_stroke_or_dot(ink, oval):
    """Return whether ink, bool (H, W), cut to its box, is written in a 0: a line that leans further than a 1; in an oval any, or a dot."""
    height, width = ink.shape
    _, sides, _ = cv2.minAreaRect(np.argwhere(ink).astype(np.float32))
    slash = min(sides) < 0.3 * max(sides) and (oval or width > 0.6 * height)
    return slash or (oval and ink.sum() > 0.7 * (sides[0] + 1) * (sides[1] + 1))


def groups(pieces):
    """Return the pieces of each digit: lists of indices, none where the main piece is no line of ink.

    A tall piece is a digit, or part of the one it stands above or overlaps; so are two halves together, one over the other. A small one
    belongs to the nearest digit, or is a speck.
    """
    p = pieces
    if not p.weight.any():
        return []
    grid = (p.w == p.mask.shape[1]) & (p.h == p.mask.shape[0])  # what is left of squared paper, if there is anything else
    main = int((p.weight * np.where(grid, 0.1, 1)).argmax())
    if not is_ink(p, main):
        return []
    worth = (p.size > 0.12 * p.size[main]) & (p.clear > 0.5) & (p.contrast > 0.5 * p.contrast[main]) & (p.weight > 0.02 * p.weight[main])
    worth &= (p.size < p.size[main]) | (p.weight > 0.5 * p.weight[main])
    worth[main] = True
    chosen = np.flatnonzero(worth)[np.argsort(-p.h[worth])][:60]  # more than that is texture
    tall = 0.55 * p.size[chosen].max()
    found = []
    for i in chosen:
        belongs = one_digit if p.h[i] > tall else are_halves
        home = next((group for group in found if belongs(p, group, i)), None)
        home.append(i) if home else found.append([i])
    found = [group for group in found if p.box(group)[3] > tall] or found[:1]
    small = [i for i in chosen if not any(i in group for group in found)]
    while small:  # the nearest first: it may bridge the way to the next
        apart = np.array([[distance(p, group, i) for group in found] for i in small])
        i, home = np.unravel_index(apart.argmin(), apart.shape)
        if apart[i, home] > 0.45:
            break
        found[home].append(small.pop(i))
    best = next((group for group in found if main in group), found[0])
    return [group for group in found if group is best or is_like(p, group, best)]


def is_ink(p, i):
    """Return whether a piece is longer than wide, and stands out from the noise of the paper around."""
    noise = sum(level_and_noise(p.counts - histogram(p.values, cv2.dilate(p.mask, np.ones((3, 3), np.uint8)))))
    return p.size[i] >= 5 and p.size[i] > 1.35 * p.line(i) and p.clear[i] > 0.3 and p.contrast[i] > max(20, noise)


def is_edge(p, chosen, plane, darker):
    """Return whether the ink is the edge of something broad: a quarter of what lies around it is as dark as the ink.

    As dark: both near by and on the whole, see AS_DARK. darker: by so much a pixel is darker than its paper, uint8 (H, W) as the plane.
    """
    x, y, w, h = p.box(chosen)
    part = np.s_[max(y - 2, 0) : y + h + 2, max(x - 2, 0) : x + w + 2]
    darker = cv2.subtract(darker, quantile(histogram(darker), 0.5))  # without what noise adds: the paper was found by its lightest pixels
    plane, darker, mask = plane[part], darker[part], p.among(chosen).take(p.labels[part])
    near, far = (cv2.dilate(mask, np.ones((side, side), np.uint8)) for side in (3, 5))
    around = far > near
    overall = quantile(histogram(plane, mask), 0.5) + AS_DARK * quantile(histogram(darker, mask), 0.5)
    enough = 0.25 * around.sum()
    if (plane[around] < overall).sum() <= enough:
        return False
    weight = darker * mask + np.float32(1e-6)
    local = cv2.blur(weight * (plane + AS_DARK * darker), (7, 7)) / cv2.blur(weight, (7, 7))
    return (plane[around] < np.minimum(local, overall)[around]).sum() > enough


def one_digit(p, group, i):
    """Return whether a tall piece is a part of a digit: over or under it, or side by side and well overlapping."""
    across, along, w, h = p.gaps(group, i)
    beside = along < -0.4 * min(h, p.h[i])
    return along < 0.15 * max(h, p.h[i]) and across < (-0.25 * min(w, p.w[i]) if beside else 0.05 * max(h, p.h[i]))


def are_halves(p, group, i):
    """Return whether two pieces of about the same size are over each other, as the two rings of an 8 may be."""
    across, along, w, h = p.gaps(group, i)
    return 0.6 < h / p.h[i] < 1.7 and across < -0.5 * min(w, p.w[i]) and along < 0.25 * max(h, p.h[i])


def distance(p, group, i):
    """Return how far a small piece is from a digit, in parts of its height; sideways, where the next digit may be, it counts thrice."""
    across, along, _, h = p.gaps(group, i)
    return (3 * max(across, 0) + max(along, 0)) / max(h, p.size[i])


def is_like(p, group, best):
    """Return whether a group is a digit like the best one, and no speck, caption or line at the edge."""
    _, _, width, height = p.box(group)
    alike = 0.5 < height / p.box(best)[3] < 2 and height > 0.3 * width and p.clear[group].min() > 0.9
    return alike and p.contrast[group].max() > 0.6 * p.contrast[best].max() and p.typical_line(group) > 0.5 * p.typical_line(best)


def with_paper(ink, width):
    """Return the ink with so many pixels of paper around it: (H, W) -> (H + 2 width, W + 2 width)."""
    return cv2.copyMakeBorder(ink, width, width, width, width, cv2.BORDER_CONSTANT)


def cut_out(p, group):
    """Return the ink of some pieces, float32 (H, W), longest side INK_SIDE and a rim of paper."""
    x, y, w, h = p.box(group)
    part = np.s_[y : y + h, x : x + w]
    ink = p.values[part] * p.among(group).take(p.labels[part])
    ink = (ink / np.float32(quantile(histogram(ink, ink), 0.75))).clip(0, 1)
    zoom = INK_SIDE / digit_size(w, h)
    return thickened(cv2.resize(with_paper(ink, 1), None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR))


def thickened(ink):
    """Return the ink with its edge moved outward where its lines are thinner than THINNEST_LINE."""
    solid = (ink > 0.3 * ink.max()).astype(np.uint8)
    inside = cv2.distanceTransform(solid, cv2.DIST_L2, 5)
    line = 4 * cv2.mean(inside, solid)[0] - 1  # across a line, the mean distance to its edge is a quarter of its width
    grow = (THINNEST_LINE * INK_SIDE / DIGIT_BOX - line) / 2
    if grow < 0.5:
        return ink
    outside = cv2.distanceTransform(1 - with_paper(solid, math.ceil(grow)), cv2.DIST_L2, 5)
    return (grow + 0.5 - outside).clip(0, 1)
