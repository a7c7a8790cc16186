"""A day archived to S3 (moto) and brought back is the same day."""

import pytest


@pytest.mark.skip(reason="to come with the archive")
def test_a_day_comes_back_from_s3_as_it_was(server):
    pass
