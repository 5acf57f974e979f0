"""The one place that imports OpenCV.

``opencv-python`` points two Qt variables at its own, older plugins when it is imported; with them set,
PySide6 cannot start. They are restored to what they were.
"""

import os

_QT_VARIABLES = ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR")
_before = {name: os.environ.get(name) for name in _QT_VARIABLES}

import cv2  # noqa: E402

for _name, _value in _before.items():
    if _value is None:
        os.environ.pop(_name, None)
    else:
        os.environ[_name] = _value

cv2.setNumThreads(1)  # the engine and the window bring their own threads
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)  # damaged pictures are reported in our words

__all__ = ["cv2"]
