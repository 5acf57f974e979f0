"""Maps of the tracker scenario for frame t: P4 map, tower feature [1,256,6,10] and prototypes [24,40,32]."""
import numpy as np
from tests.golden.recipe.recipe import noise


def T(name, *shape, scale=1.0, shift=0.0):
    n = int(np.prod(shape))
    return (noise(name, n).reshape(shape) * scale + shift).astype(np.float32)


def mix(name, t, *shape):
    return T(name, *shape) * np.float32(0.9) + T('%s/%d' % (name, t), *shape) * np.float32(0.3)


def maps(t):
    relu = lambda x: np.maximum(x, np.float32(0))
    return {'proto': relu(mix('trk/proto', t, 24, 40, 32) + np.float32(0.05)),
            'fpn_feat': relu(mix('trk/fpn', t, 1, 256, 6, 10)) * np.float32(0.7),
            'T2S_feat': relu(mix('trk/t2s', t, 1, 256, 6, 10)) * np.float32(0.7)}
