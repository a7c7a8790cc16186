"""Writes tsdownsample.json: which points of the demo's series tsdownsample keeps.

    pip install tsdownsample==0.1.5.1 numpy && python tests/api/tsdownsample_golden.py
"""

import csv
import json
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
from tsdownsample import LTTBDownsampler, MinMaxLTTBDownsampler

HERE = Path(__file__).parent
# The first ones have a value every five minutes or hour, the last one has gaps.
SERIES = ["ec2_cpu_utilization_24ae8d", "elb_request_count_8c0756", "exchange-2_cpm_results", "rogue_agent_key_hold"]


def series(name):
    with open(HERE.parent.parent / "demo" / f"{name}.csv") as file:
        rows = list(csv.DictReader(file))
    times = [datetime.fromisoformat(row["timestamp"]).replace(tzinfo=timezone.utc).timestamp() for row in rows]
    return np.array(times), np.array([float(row["value"]) for row in rows])


def cases():
    for name in SERIES:
        x, y = series(name)
        for n in (3, 20, 64, 333):
            yield name, n, None, LTTBDownsampler().downsample(x, y, n_out=n)
            for ratio in (4, 8):
                kept = MinMaxLTTBDownsampler().downsample(x, y, n_out=n, minmax_ratio=ratio)
                yield name, n, ratio, kept


lines = [
    json.dumps({"series": name, "n": n, "ratio": ratio, "indices": kept.tolist()}, separators=(",", ":"))
    for name, n, ratio, kept in cases()
]
(HERE / "tsdownsample.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")
