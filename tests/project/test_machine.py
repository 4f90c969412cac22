"""What a red run says of its machine."""

from machine import facts, processor


def test_facts_name_what_may_make_a_difference():
    """The BLAS with its kernel and threads, and the version of what computes."""
    told = " ".join("\n".join(facts()).split())

    for word in ("processor: ", "openblas", "kernel ", " threads", "numpy 2.", "scikit-learn "):
        assert word in told


def test_a_processor_has_a_name_where_the_system_tells_one(tmp_path):
    """Of many cores the first; elsewhere at least its kind."""
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: A 5000\nmodel name\t: B\n")

    assert processor(tmp_path / "cpuinfo") == "A 5000"
    assert processor(tmp_path / "none")
