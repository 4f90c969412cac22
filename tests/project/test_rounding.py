"""Another processor can be played: it rounds otherwise, always alike, in all processes."""

import importlib
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import rounding
from rounding.sitecustomize import DOUBLE, SINGLE, STAGES, changed

SCRIPT = """
import json
import numpy as np
from joblib import Parallel, delayed
from nbica.decomposition.ica import fast_ica
from nbica.matching.pairing import correlate

maps = np.random.default_rng(0).laplace(size=(3, 500))
here = correlate(maps, maps[::-1])
there = Parallel(2)(delayed(correlate)(maps, maps[::-1]) for _ in range(2))
ica = fast_ica(maps, 2, 0).maps
there = [r.tolist() for r in there]
print(json.dumps({"here": here.tolist(), "there": there, "ica": ica.tolist()}))
"""


@pytest.mark.parametrize(("dtype", "size"), [(np.float32, SINGLE), (np.float64, DOUBLE)])
def test_noise_is_small_and_everywhere(rng, dtype, size):
    """Values change by less than the size of the noise, and by half of it on average."""
    values = (1000 * rng.standard_normal((300, 400))).astype(dtype)

    found = changed(values, seed=1)

    noise = (found.astype(np.longdouble) - values) / values
    assert found.dtype == dtype
    assert np.abs(noise).max() < 1.1 * size
    assert np.abs(noise).mean() == pytest.approx(size / 2, rel=0.05)
    assert abs(noise.mean()) < 0.02 * size


def test_noise_is_the_same_each_time_and_another_for_each_seed(rng):
    """Equal values stay equal wherever they stand, 0 stays 0, and a sign changes a sign."""
    values = rng.standard_normal(200).astype(np.float32)
    values[::10], values[5::10] = 0.0, values[7]

    found = changed(values, seed=1)

    np.testing.assert_array_equal(changed(values[::-1], seed=1)[::-1], found)
    np.testing.assert_array_equal(changed(-values, seed=1), -found)
    assert not found[::10].any()
    assert len(set(found[5::10].tolist())) == 1
    assert (changed(values, seed=2) != found).mean() > 0.5


def test_what_is_no_float_stays():
    """Counts, truth values and numbers of no elements are what they were."""
    for values in (np.arange(5), np.array([True, False]), np.zeros((0, 3))):
        assert changed(values, seed=1) is values


@pytest.mark.parametrize("name", STAGES)
def test_stages_are_there(name):
    """Each stage is a function of its module; one that moved would not be changed any more."""
    module = importlib.import_module(name)

    for stage in STAGES[name]:
        assert getattr(module, stage).__module__ == name


def played(seed):
    """What SCRIPT prints on a processor."""
    environment = {k: v for k, v in os.environ.items() if k != "NBICA_ROUNDING_SEED"}
    if seed is not None:
        environment |= rounding.environment(seed)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


@pytest.mark.slow
def test_a_processor_is_the_same_in_all_processes():
    """Two seeds differ from this processor and from each other, by little; each is one."""
    here, one, again, two = map(played, (None, 1, 1, 2))

    assert one == again
    assert one["there"] == [one["here"]] * 2
    for other in (one, two):
        assert other["here"] != here["here"]
        assert other["ica"] != here["ica"]
        np.testing.assert_allclose(other["here"], here["here"], rtol=1e-11)
        np.testing.assert_allclose(other["ica"], here["ica"], atol=1e-5)
    assert one["ica"] != two["ica"]
