"""Where a Sentinel-3 scene lies, estimated from its file name: orbit and time, no other source.

The name of a frame ends in ..._DDDD_CCC_LLL_FFFF_...: duration, cycle, relative orbit and the frame's
start in seconds since the ascending node (ESA, Sentinel-3 PDGS file naming convention). With the mean
orbit (385 revolutions in 27 days, inclination 98.65 degrees, sun-synchronous, 10:00 at the descending
node; ESA, Sentinel-3 orbit) that gives the point below the satellite. The swath reaches some 700 km to
either side of it and the true orbit drifts by minutes, so the estimate is good for a map, not for more.
"""

from __future__ import annotations

import math
import re

PERIOD_S = 27 * 86_400 / 385
INCLINATION = math.radians(98.65)
NODE_H = 22.0  # local mean solar time of the ascending node
DAY_S = 86_400.0

_NAME = re.compile(
    r"S3[AB]_SL_1_RBT_{2,4}\d{8}T(\d\d)(\d\d)(\d\d)_\d{8}T\d{6}_\d{8}T\d{6}_(\d{4})_\d{3}_\d{3}_(\d{4})_(\w{3})_"
)


def estimate(name: str) -> tuple[float, float] | None:
    """Latitude and longitude in degrees of the middle of the frame; None for any other name.

    Before version 5 synthetic scenes were named like frames of a centre "SYN", but their orbits are made up: None.
    """
    match = _NAME.match(name)
    if match is None or match[6] == "SYN":
        return None
    hour, minute, second, duration_s, frame_s = (int(match[i]) for i in range(1, 6))
    if frame_s > PERIOD_S or duration_s > PERIOD_S:
        return None
    since_node_s = frame_s + duration_s / 2
    node_utc_h = (hour * 3600 + minute * 60 + second - frame_s) / 3600
    along = 2 * math.pi * since_node_s / PERIOD_S
    latitude = math.degrees(math.asin(math.sin(INCLINATION) * math.sin(along)))
    east = math.degrees(math.atan2(math.cos(INCLINATION) * math.sin(along), math.cos(along)))
    longitude = 15 * (NODE_H - node_utc_h) + east - 360 * since_node_s / DAY_S
    return latitude, (longitude + 180) % 360 - 180
