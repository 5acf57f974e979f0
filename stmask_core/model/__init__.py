"""The STMask network in PyTorch: start with ``stmask.py``; nothing here knows video, tracks or windows.

Axis letters used in comments and docstrings: B batch, A anchors, K foreground categories, C channels,
P prototypes, E embedding, N detections, M tracks, (H, W) input pixels, (h, w) cells of a pyramid level,
(Hp, Wp) prototype pixels.
"""
