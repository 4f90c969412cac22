"""Time and memory of nbica side by side with nilearn: `python -m benchmarks [--quick] [ROW ...]`.

One module per row of what nbica promises. Each has `SIZES`, the arguments for a full, a quick and
a tiny benchmark, and `run(bench, ...)`, which measures and returns a `results.Row`. What is
measured runs in a fresh process (`measure.py`), on simulated files of the shape of real ones
(`data.py`) that are written once into the data folder.
"""
