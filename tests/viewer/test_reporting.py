"""The report: one file, complete, escaped, small; and as a browser shows it."""

import html
import json
import re
from html.parser import HTMLParser

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from planted import estimator, write_cohort
from sklearn.exceptions import NotFittedError
from sklearn.utils import Bunch

from nbica import CanICA, NiftiMasker, report
from nbica.datasets.simulation import anatomy
from nbica.matching.reproducibility import SplitHalf
from nbica.plotting import figures

HOSTILE = [
    "<script>document.title='owned'</script>",
    '"><img src=x onerror="document.title=\'owned\'">',
    "</iframe></style></script>",
    "{{ 7 * 7 }} & {% raw %}",
    "' onmouseover='document.title=1",
]


HALVES = SplitHalf(
    e=np.array([0.5, 0.7]), t=np.array([0.6, 0.8]),
    reproducibility=np.array([[0.1, 0.2, 0.3, 0.4, 0.5], [0.3, 0.4, 0.5, 0.6, 0.87]]), n_runs=4,
)  # fmt: skip


class Page(HTMLParser):
    """Tags, attributes and text, as a browser reads them."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.words = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        """Keep a tag and its attributes."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        """Keep a text."""
        self.words.append(data)

    def of(self, name):
        """Attributes of all elements of a kind."""
        return [attrs for tag, attrs in self.tags if tag == name]


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return write_cohort(tmp_path_factory.mktemp("cohort"), n_runs=3)


@pytest.fixture(scope="module")
def ica(cohort):
    return estimator().fit(cohort.func, confounds=cohort.confounds)


@pytest.fixture(scope="module")
def page(ica, cohort, tmp_path_factory):
    path = report(
        ica, tmp_path_factory.mktemp("report") / "canica.html", names=HOSTILE, imgs=cohort.func,
        confounds=cohort.confounds, split_half=HALVES, title=HOSTILE[0],
    )  # fmt: skip
    return path, Page(path.read_text(encoding="utf-8"))


def test_it_shows_what_was_found(ica, page):
    """Components with name, stability, spectrum, halves; runs, parameters, correlations."""
    _, parsed = page
    text = " ".join(" ".join(parsed.words).split())

    assert len(parsed.of("article")) == 5
    assert len(parsed.of("polyline")) == 5
    assert all(f"{value:.2f}" in text for value in ica.canonical_correlations_)
    assert all(f"{value:.2f}" in text for value in ica.stability_)
    assert all(f"Found again in halves {value:.2f}" in text for value in HALVES.per_component)
    assert "of the subspaces (e) 0.600 0.500 0.700" in text
    assert all(f"sub-0{i}_bold.nii" in text for i in range(3))
    assert all(name in text for name in CanICA().get_params())
    assert f"{ica.components_.shape[1]:,}".replace(",", " ") in text
    assert all(image["src"].startswith("data:image/png;base64,") for image in parsed.of("img"))


def test_the_record_is_in_it(ica, page):
    """All of it, so that a report is enough to run the fit again."""
    path, _ = page

    text = path.read_text(encoding="utf-8")
    (record,) = re.findall('<pre id="record-json">(.*?)</pre>', text, re.DOTALL)

    assert json.loads(html.unescape(record)) == json.loads(json.dumps(ica.record_, default=str))


def test_every_label_is_escaped(page):
    """Names, titles and numbers of strangers stay text: no element and no attribute is theirs."""
    _, parsed = page

    assert not parsed.of("script")
    assert len(parsed.of("img")) == 5
    assert len(parsed.of("iframe")) == 1
    names = {name for _, attrs in parsed.tags for name in attrs}
    assert not [name for name in names if name.startswith("on")]
    text = "".join(parsed.words)
    assert all(text.count(name) >= 1 for name in HOSTILE)
    inner = Page(parsed.of("iframe")[0]["srcdoc"])
    assert len(inner.of("img")) == 1
    assert {attrs.get("type") for attrs in inner.of("script")} == {
        "application/json", "text/plain", "module",
    }  # fmt: skip


def test_it_needs_nothing_else(page):
    """No link, picture, style or script comes from elsewhere, and the file may not ask for any."""
    _, parsed = page
    places = [
        value
        for _, attrs in parsed.tags
        for name, value in attrs.items()
        if name in ("src", "href", "data", "action")
    ]

    assert all(place.startswith(("data:", "#")) for place in places)
    policy = next(attrs["content"] for attrs in parsed.of("meta") if "http-equiv" in attrs)
    assert "default-src 'none'" in policy
    ids = {attrs["id"] for _, attrs in parsed.tags if "id" in attrs}
    assert {place[1:] for place in places if place.startswith("#")} <= ids


@pytest.mark.slow
def test_twenty_components_at_3_mm_fit_in_5_MB(tmp_path):
    """Dense maps over a whole brain, which compress worst."""
    affine = np.diag([3.0, 3, 3, 1])
    affine[:3, 3] = [-81, -117, -81]
    mask = anatomy.brain_mask(anatomy.tissue_fractions(affine, (55, 69, 57)))
    ica = CanICA(n_components=20)
    masker = NiftiMasker(mask_img=nib.Nifti1Image(mask.astype(np.uint8), affine)).fit()
    rng = np.random.default_rng(0)
    ica.components_ = rng.standard_normal((20, mask.sum())).astype(np.float32)
    ica.components_img_ = masker.inverse_transform(ica.components_)
    ica.n_components_, ica.mask_img_ = 20, masker.mask_img_
    ica.runs_ = pd.DataFrame({"path": ["a", "b"], "n_timepoints": [9, 9], "warnings": ["", ""]})

    path = report(ica, tmp_path / "canica.html")

    assert path.stat().st_size < 5e6


def test_what_is_not_known_is_left_out(ica, tmp_path):
    """Without runs no spectra; no empty section, and the way to more is said."""
    text = report(ica, tmp_path / "canica.html").read_text(encoding="utf-8")
    parsed = Page(text)

    assert not parsed.of("polyline")
    assert {attrs.get("id") for attrs in parsed.of("section")} == {
        "maps", "components", "shared", "runs", "record",
    }  # fmt: skip
    assert "Pass <code>imgs</code>" in text
    assert [file.name for file in tmp_path.iterdir()] == ["canica.html"]


def test_what_chance_gives_is_marked(cohort, tmp_path):
    """With a null, each dimension has its mark, and those that are no components are set apart."""
    ica = estimator(n_components="auto").fit(cohort.func, confounds=cohort.confounds)
    spectrum = ica.component_spectrum_

    text = report(ica, tmp_path / "canica.html").read_text(encoding="utf-8")

    bars = re.search('<ol class="bars".*?</ol>', text, re.DOTALL).group()
    heights = [float(h) for h in re.findall(r'<i style="height: ([\d.]+)%', bars)]
    marks = [float(h) for h in re.findall(r'<b style="bottom: ([\d.]+)%', bars)]
    shown = len(heights)
    np.testing.assert_allclose(heights, 100 * spectrum.correlations[:shown], atol=0.06)
    np.testing.assert_allclose(marks, 100 * spectrum.null[:shown], atol=0.06)
    assert bars.count('class="rest"') == shown - ica.n_components_


def test_the_same_fit_gives_the_same_report(ica, tmp_path):
    """No time of day, no random id."""
    first = report(ica, tmp_path / "a.html").read_bytes()

    assert report(ica, tmp_path / "b.html").read_bytes() == first


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"names": ["a"]}, "found 1 names for 5 components"),
        ({"names": "abcde"}, "found 'abcde' for 5 components"),
        ({"confounds": [None]}, "Got 3 runs and 1 confounds"),
    ],
)
def test_wrong_input_says_the_way_out(ica, tmp_path, options, message):
    """What was found, what was expected; and no file."""
    with pytest.raises(ValueError, match=message):
        report(ica, tmp_path / "canica.html", **options)
    assert not list(tmp_path.iterdir())


def test_a_bunch_has_both_runs_and_confounds(ica, cohort, tmp_path):
    """As in `fit`: what comes with the images is used."""
    explicit = report(ica, tmp_path / "a.html", imgs=cohort.func, confounds=cohort.confounds)
    bunch = Bunch(func=cohort.func, confounds=cohort.confounds)

    assert report(ica, tmp_path / "b.html", imgs=bunch).read_bytes() == explicit.read_bytes()


def test_it_leaves_no_picture_behind(ica, tmp_path):
    """A notebook shows none of the slices that were drawn for the page."""
    before = {id(figure) for figure in figures._drawn}
    report(ica, tmp_path / "report.html")

    assert not [f for f in figures._drawn if id(f) not in before and not f.is_shown]


def test_it_waits_for_a_fit(tmp_path):
    """An estimator that has learnt nothing has no report; nor is there one without a folder."""
    with pytest.raises(NotFittedError):
        report(CanICA(), tmp_path / "canica.html")


def test_a_missing_folder_is_named(ica, tmp_path):
    """It is not made in silence."""
    with pytest.raises(FileNotFoundError, match=re.escape(str(tmp_path / "no"))):
        report(ica, tmp_path / "no" / "canica.html")
