"""The points that `max_points` keeps are those that tsdownsample keeps."""

import pytest

pytest.importorskip("tsdownsample")


@pytest.mark.skip(reason="to come with the thinning of history")
def test_min_max_lttb_keeps_the_same_points(server):
    pass
