"""How good predicted tracks are, given true ones: YouTube-VIS AP, tracking metrics, matches by frame."""
