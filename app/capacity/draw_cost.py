"""How long a call to the renderer takes, by the number and size of its pictures; knows no session and no clock."""

from collections.abc import Sequence

_WEIGHT = 0.02  # of one call in the correction: a few seconds of drawing make up for a change of the machine


class DrawingCost:
    """So much for a call, for each picture and for each pixel, in seconds; corrected by what calls really take.

    One thread may observe while others predict.
    """

    def __init__(self, call: float, picture: float, pixel: float) -> None:
        self.call = call
        self.picture = picture
        self.pixel = pixel
        self._correction = 1.0

    def predict(self, pixels: Sequence[int], calls: int = 1) -> float:
        """Seconds that pictures of so many pixels take in so many calls."""
        return self._correction * self._measured(pixels, calls)

    def observe(self, pixels: Sequence[int], seconds: float) -> None:
        """Learn from one call."""
        self._correction += _WEIGHT * (seconds / self._measured(pixels, 1) - self._correction)

    def _measured(self, pixels: Sequence[int], calls: int) -> float:
        return calls * self.call + len(pixels) * self.picture + sum(pixels) * self.pixel
