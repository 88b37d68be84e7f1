"""How many users ask at which hour of the local day.

Nights are quiet, the evening is the peak, and a steep decline follows it: late in the evening most who watch began
before the decline, so that the audience of 23:30 is as old as the one that was measured (course log of 2022: half of
its minutes were beyond the 60th, starts made up 0.81 % of lines, requests 0.85 %, and sessions that ended 1.33 %).
"""

import numpy as np

_HOURS = (0, 3, 6, 9, 12, 15, 18, 19.5, 20.5, 21.5, 22.5, 23.3, 24)
_DEMAND = (0.70, 0.55, 0.60, 1.00, 1.25, 1.25, 1.30, 1.97, 1.60, 0.90, 0.68, 0.76, 0.70)
_MEAN = float(np.exp(np.interp(np.linspace(0, 24, 1440, endpoint=False), _HOURS, np.log(_DEMAND))).mean())


def demand(hour: float) -> float:
    """Requests at an hour (0 to 24) compared with the day's mean."""
    return float(np.exp(np.interp(hour % 24, _HOURS, np.log(_DEMAND)))) / _MEAN
