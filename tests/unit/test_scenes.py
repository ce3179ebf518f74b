"""The photographs that our own code composes: of 38 kinds, the same again for the same seed."""

import numpy as np

from training import scenes


def test_each_kind_changes_what_is_seen_and_a_seed_gives_the_same_photo_again():
    seen = set()
    for options in scenes.KINDS.values():
        (text, photo), (again, same) = (scenes.compose(np.random.default_rng(3), **options) for _ in range(2))
        assert photo.mode == "RGB"
        assert photo.size == (640, 480)
        assert (text, photo.tobytes()) == (again, same.tobytes())
        assert len(text) == options.get("digits", 1)
        seen.add(photo.tobytes())
    assert len(seen) == len(scenes.KINDS) == 38


def test_the_share_is_of_photos_read_rightly_and_bare_paper_has_no_text():
    figures = scenes.measure(lambda photo: "", count=2)
    assert set(figures.values()) == {0, 1}
    assert [kind for kind, right in figures.items() if right] == [kind for kind in scenes.KINDS if kind.startswith("bare")]
