"""SliceViewer without a browser: what it takes, holds, says and leaves behind."""

import gzip
import json
import os
import sys

import ipywidgets
import nibabel as nib
import numpy as np
import pytest
import traitlets
from ipywidgets.widgets import widget

from nbica import SliceViewer, to_niivue, view_img
from nbica.exceptions import DataError, DataWarning
from nbica.image import template
from nbica.viewer import colors, page, render

# Widgets that are alive; ipywidgets 7 has them elsewhere.
_instances = (
    vars(widget)["_instances"] if hasattr(widget, "_instances") else ipywidgets.Widget.widgets
)
AFFINE = np.array([[-3.0, 0, 0, 30], [0, 2.5, 0, -25], [0, 0, 4, -20], [0, 0, 0, 1]])
SHAPE = (16, 18, 10)
NAN = float("nan")
REGIONS = nib.Nifti1Image(np.ones(SHAPE, np.uint8), AFFINE)
OVER = {"visible": True, "threshold": 1.0, "vmax": 2.0, "opacity": 0.5, "colormap": "purple_green"}


@pytest.fixture
def maps(rng):
    data = np.zeros((*SHAPE, 3), np.float32)
    data[3:12, 3:12, 2:8] = rng.standard_normal((9, 9, 6, 3))
    data[5, 6, 4] = [9, -12, 10]
    return nib.Nifti1Image(data, AFFINE)


@pytest.fixture
def anatomy(rng):
    return nib.Nifti1Image(rng.uniform(100, 900, SHAPE).astype(np.float32), AFFINE)


@pytest.fixture(autouse=True)
def clean():
    """What a test opens is closed."""
    yield
    ipywidgets.Widget.close_all()


def test_a_closed_viewer_leaves_no_widget(maps):
    """All models that a viewer made go with it."""
    before = dict(_instances)

    viewer = view_img(maps)
    assert len(_instances) > len(before)
    viewer.close()

    assert dict(_instances) == before


def test_it_begins_at_the_first_peak_with_what_stands_out(maps, anatomy):
    """The crosshair is on the largest voxel, in mm; the threshold shows something."""
    viewer = view_img(maps, anatomy)

    assert viewer.cut_coords == pytest.approx(nib.affines.apply_affine(AFFINE, [5, 6, 4]))
    assert viewer.value() == pytest.approx(9)
    assert 0 < viewer.threshold < 9
    assert viewer.vmax == pytest.approx(10)
    assert viewer.names == ["IC 0", "IC 1", "IC 2"]


def test_the_state_is_a_value(maps):
    """What is set is read; peaks and values are those of the map in view."""
    viewer = view_img(maps)
    viewer.component = 1
    viewer.cut_coords = viewer.peaks(1)[0]

    # To half a quantum: 12 / 127 / 2.
    assert viewer.value() == pytest.approx(-12, abs=12 / 254)
    assert viewer.state["component"] == 1
    json.dumps(viewer.state)
    viewer.cut_coords = [1e6, 0, 0]
    assert viewer.cut_coords[0] == viewer.scene.bounds[0, 1]


def test_two_viewers_are_linked(maps, anatomy):
    """traitlets.link ties a trait of two viewers both ways."""
    first, second = view_img(maps), view_img(maps, anatomy)
    traitlets.link((first, "cut_coords"), (second, "cut_coords"))

    first.cut_coords = [3.0, -4.0, 2.0]
    assert second.cut_coords == [3.0, -4.0, 2.0]
    second.cut_coords = [6.0, -4.0, 2.0]
    assert first.cut_coords == [6.0, -4.0, 2.0]


def test_a_change_of_the_state_sends_no_volume(maps, monkeypatch):
    """Whatever is moved or switched, no image crosses again."""
    viewer = view_img(maps)
    sent = []
    monkeypatch.setattr(SliceViewer, "send_state", lambda self, key=None: sent.append(key))

    viewer.component, viewer.threshold, viewer.view, viewer.zoom = 2, 1.0, "glass", 2.0

    assert "_payload" not in str(sent)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"component": 3}, r"component is 3; the 3 maps are 0 to 2"),
        ({"component": -1}, r"component is -1"),
        ({"cut_coords": [0.0, float("nan"), 0.0]}, r"expected x, y and z in mm"),
        ({"cut_coords": [0.0, 0.0]}, r"cut_coords"),
        ({"vmax": 0.0}, r"vmax is 0.0; expected a number above 0"),
        ({"window": [5.0, 5.0]}, r"expected the values for black and, above it, white"),
        ({"opacity": 1.5}, r"opacity"),
        ({"threshold": -1.0}, r"threshold"),
        ({"colormap": "jet"}, r"colormap.*blue_orange"),
        ({"view": "3d"}, r"view.*ortho"),
        ({"threshold": NAN}, r"threshold is nan; expected a finite number"),
        ({"threshold": np.inf}, r"threshold is inf"),
        ({"opacity": NAN}, r"opacity is nan"),
        ({"zoom": NAN}, r"zoom is nan"),
        ({"vmax": NAN}, r"vmax is nan"),
        ({"vmax": np.inf}, r"vmax is inf"),
        ({"window": [NAN, 1.0]}, r"window is \[nan"),
        ({"window": [-np.inf, np.inf]}, r"window is \[-inf"),
        ({"cut_coords": [0.0, np.inf, 0.0]}, r"expected x, y and z in mm"),
        ({"names": ["a"]}, r"found 1 names for 3 maps"),
        ({"names": [1, 2, 3]}, r"names"),
        ({"names": []}, r"found 0 names for 3 maps"),
        ({"overlays": []}, r"overlays: found 0 for 1 further maps"),
        ({"overlays": [OVER, OVER]}, r"overlays: found 2 for 1"),
        ({"overlays": [{}]}, r"each has visible, threshold"),
        ({"overlays": [OVER | {"odd": 1}]}, r"each has visible, threshold"),
        ({"overlays": [OVER | {"threshold": NAN}]}, r"threshold cannot be nan"),
        ({"overlays": [OVER | {"vmax": 0}]}, r"vmax cannot be 0"),
        ({"overlays": [OVER | {"opacity": "1"}]}, r"opacity cannot be '1'"),
        ({"overlays": [OVER | {"visible": 1}]}, r"visible cannot be 1"),
        ({"overlays": [OVER | {"colormap": ["jet"]}]}, r"colormap cannot be"),
        ({"_payload": b"another"}, r"packed once"),
    ],
)
def test_a_state_that_cannot_be_is_refused(maps, change, message):
    """From a notebook or a browser: what was found, what was expected; the old state stays."""
    viewer = view_img(maps, overlays=nib.Nifti1Image(maps.get_fdata()[..., 0], AFFINE))
    before, payload = viewer.state, viewer._payload

    with pytest.raises(traitlets.TraitError, match=message):
        viewer.set_trait(*next(iter(change.items())))
    with pytest.raises(traitlets.TraitError, match=message):
        viewer.set_state(change)  # as a message from the front end comes
    assert viewer.state == before
    assert viewer._payload == payload
    viewer.picture()


def test_no_page_holds_what_a_browser_cannot_read(maps):
    """NaN and infinity are no JSON: nothing would be drawn. None gets through to a page."""
    courses = np.full((20, 3), NAN)
    with_gaps = np.asarray(maps.dataobj).copy()
    with_gaps[4:6] = NAN
    with_gaps[7] = np.inf

    viewer = view_img(nib.Nifti1Image(with_gaps, AFFINE), time_courses=courses, t_r=2)
    with pytest.warns(DataWarning, match="nothing but 0, NaN and infinity"):
        empty = view_img(nib.Nifti1Image(np.full(SHAPE, NAN, np.float32), AFFINE))

    for page_text in (viewer.to_html(), empty.to_html()):
        assert "NaN" not in page_text.split("nbica-state")[1].split("</script>")[0]
    for one in (viewer, empty):
        size = int.from_bytes(gzip.decompress(one._payload)[:4], "little")
        header = gzip.decompress(one._payload)[4 : 4 + size]
        assert json.loads(header, parse_constant=pytest.fail)["volumes"]


@pytest.mark.parametrize("t_r", ["2", NAN, np.inf, 0, -1.0, True, [2.0]])
def test_a_repetition_time_that_cannot_be_is_refused(maps, t_r):
    """Before it reaches a browser."""
    with pytest.raises(ValueError, match=r"t_r is .*; expected seconds"):
        view_img(maps, t_r=t_r)


def test_a_name_of_a_million_letters_is_drawn_short(maps):
    """A browser may set one; a picture has room for few."""
    viewer = view_img(maps, names=["x" * 200, "b", "c"])
    expected = viewer.picture().tobytes()

    viewer.set_state({"names": ["x" * 10**6, "b", "c"]})

    assert viewer.picture().tobytes() == expected


def test_a_name_of_any_bytes_is_shown(maps, tmp_path):
    """A file may be called what UTF-8 cannot hold, or what moves a cursor."""
    path = tmp_path / os.fsdecode(b"map-\xff\x1b[2J.nii")
    nib.save(nib.Nifti1Image(maps.get_fdata()[..., 0], AFFINE), path)

    viewer = view_img(str(path), bg_img=str(path))

    assert viewer.names == ["map-??[2J.nii"]
    assert viewer.to_html(tmp_path / "page.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"treshold": 3},
            TypeError,
            "SliceViewer knows no treshold; did you mean threshold. It takes .*component",
        ),
        ({"cmap": "colt_hot"}, ValueError, "colormap is 'colt_hot'; did you mean 'cold_hot'"),
        ({"names": ["a"]}, ValueError, "found 1 names for 3 maps"),
        ({"names": "abc"}, ValueError, "found 'abc' for 3 maps"),
        ({"threshold": "80"}, ValueError, "threshold is '80'; expected a number"),
        ({"threshold": "100%"}, ValueError, "threshold is '100%'; expected a number"),
        ({"time_courses": np.zeros((5, 2))}, ValueError, r"shape \(5, 2\); expected .* 3 maps"),
        ({"bg_img": "no_such.nii"}, FileNotFoundError, "No such file: 'no_such.nii'"),
        ({"quantum": 1e-6}, ValueError, "127 reach the largest"),
        ({"quantum": np.inf}, ValueError, "127 reach the largest"),
        ({"quantum": NAN}, ValueError, "127 reach the largest"),
        ({"threshold": NAN}, traitlets.TraitError, "expected a"),
        ({"threshold": None}, ValueError, "threshold is None; expected a number"),
        ({"threshold": True}, ValueError, "threshold is True; expected a number"),
        ({"component": True}, traitlets.TraitError, "component is True"),
        ({"quantum": "1"}, ValueError, "quantum is '1'; expected a number"),
        ({"quantum": True}, ValueError, "quantum is True; expected a number"),
        ({"time_courses": np.full((9, 3), 1j)}, ValueError, "holds complex128; expected real"),
        ({"labels_img": REGIONS, "labels": "abc"}, ValueError, "labels is 'abc'; expected names"),
        ({"labels_img": REGIONS, "labels": 5}, ValueError, "labels is 5; expected names"),
        ({"labels_img": REGIONS, "labels": {1.5: "a"}}, ValueError, "number 1.5; expected whole"),
        ({"labels_img": REGIONS, "labels": {"a": "b"}}, ValueError, "number 'a'; expected whole"),
    ],
)
def test_wrong_input_says_the_way_out(maps, options, error, message):
    """An unknown keyword, a wrong shape, a missing file: an error that names it."""
    with pytest.raises(error, match=message):
        view_img(maps, **options)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.zeros((4, 4), np.float32), r"shape \(4, 4\); a 3D image"),
        (np.zeros((4, 4, 4, 2, 2), np.float32), r"a 3D image"),
        (np.zeros((4, 4, 0), np.float32), r"a 3D image"),
        (np.zeros((4, 4, 4), np.complex64), r"complex64; expected real numbers"),
    ],
)
def test_images_that_are_none_are_refused(data, message):
    """Shapes and numbers that no map has."""
    with pytest.raises(DataError, match=message):
        view_img(nib.Nifti1Image(data, np.eye(4)))


def test_a_threshold_that_hides_all_warns(maps):
    """Both numbers and the way out."""
    with pytest.warns(DataWarning, match=r"threshold=50 is above .*, 12: nothing is shown"):
        view_img(maps, threshold=50)


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_empty_maps_are_shown_as_empty(value):
    """Zeros, NaN or Inf alone are no error; there is a picture and a value."""
    with pytest.warns(DataWarning, match="nothing but 0, NaN and infinity"):
        viewer = view_img(nib.Nifti1Image(np.full((6, 6, 6, 2), value, np.float32), np.eye(4)))

    assert viewer.picture().width > 100
    assert np.isnan(viewer.value()) == (value != 0)


def test_what_it_is_called_stays_the_same(maps, anatomy):
    """repr, plain text and sentence hold no address and no state; there is a picture beside."""
    viewer = view_img(maps, anatomy)
    bundle, _ = viewer._repr_mimebundle_()
    viewer.component = 2

    words = "<SliceViewer: 3 maps of 16 × 18 × 10 voxels over a background>"
    assert repr(viewer) == bundle["text/plain"] == words
    assert bundle["image/png"].startswith(b"\x89PNG")
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_the_picture_is_what_render_draws(maps, anatomy):
    """The picture in a saved notebook has the colours of the state's own slices."""
    viewer = view_img(maps, anatomy, crosshair=False)
    picture = np.asarray(viewer.picture().convert("RGB")).reshape(-1, 3)
    pane = render.pane(viewer.scene, viewer.look, 2, viewer.cut_coords[2])

    assert np.ptp(pane, axis=2).max() > 100
    assert np.ptp(picture.astype(int), axis=1).max() > 100


def test_a_page_is_whole_or_not_there(maps, tmp_path, monkeypatch):
    """to_html writes one file without any address in it; a failure leaves nothing behind."""
    viewer = view_img(maps, title="a </script> b")
    path = viewer.to_html(tmp_path / "page.html")
    text = path.read_text(encoding="utf-8")

    assert [p.name for p in tmp_path.iterdir()] == ["page.html"]
    assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in text
    assert text.count("</script>") == 3
    assert "Content-Security-Policy" in text
    with pytest.raises(FileNotFoundError, match=r"no folder .* make it first"):
        viewer.to_html(tmp_path / "none" / "page.html")
    monkeypatch.setattr(page.Path, "replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        viewer.to_html(tmp_path / "other.html")
    assert [p.name for p in tmp_path.iterdir()] == ["page.html"]


def test_without_a_path_a_page_shows_itself(maps):
    """The text of the page in a frame, escaped, with a short repr."""
    found = view_img(maps).to_html()

    assert repr(found).startswith("<page of 0.")
    assert found._repr_html_().startswith('<iframe srcdoc="&lt;!doctype html&gt;')


def test_twenty_maps_fit_a_page(tmp_path):
    """Twenty dense maps at 2 mm over a 2 mm background make one file below 2.5 MB."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(0)
    shape, affine = (91, 109, 91), np.diag([2.0, 2, 2, 1])
    grid = np.indices(shape).T - (np.array(shape) - 1) / 2
    head = ((grid / [34, 44, 34]) ** 2).sum(axis=-1).T < 1
    data = np.zeros((*shape, 20), np.float32)
    for k in range(20):
        # As smooth as a group map: 6 mm. Nothing is thresholded.
        noise = gaussian_filter(rng.standard_normal(shape).astype(np.float32), 1.3)
        data[..., k] = np.where(head, noise / noise.std(), 0)
        data[30:36, 40 + k, 40:46, k] = 12
    anatomy = np.where(head, 400 + 60 * gaussian_filter(rng.standard_normal(shape), 1), 0)

    viewer = view_img(nib.Nifti1Image(data, affine), nib.Nifti1Image(anatomy, affine))

    assert len(viewer._payload) < 1_900_000
    assert viewer.to_html(tmp_path / "page.html").stat().st_size <= 2_500_000


def test_sizes_and_angles_that_need_a_word_get_one(rng):
    """An oblique image is resampled once and the viewer says so."""
    turn = nib.affines.from_matvec(nib.eulerangles.euler2mat(0.3) @ np.diag([3, 3, 3]), [5, 5, 5])
    data = rng.standard_normal((10, 11, 12)).astype(np.float32)

    viewer = view_img(nib.Nifti1Image(data, turn))

    header = json.loads(_header(viewer._payload))
    assert header["notices"] == [
        "The image is oblique: resampled once, to 3 mm along the world's axes."
    ]


def _header(data):
    import gzip

    raw = gzip.decompress(data)
    return raw[4 : 4 + int.from_bytes(raw[:4], "little")]


def test_contours_and_regions(maps):
    """A contour is where an image is above 0; regions must be whole numbers; overlays single."""
    mask = nib.Nifti1Image((np.asarray(maps.dataobj)[..., 0] != 0) * 0.3, AFFINE)

    viewer = view_img(maps, contours=mask, overlays=maps.slicer[..., 0])

    assert set(np.unique(viewer.scene.regions[0].codes)) == {0, 1}
    assert viewer.overlays[0]["visible"]
    with pytest.raises(ValueError, match="expected whole numbers"):
        view_img(maps, labels_img=mask)
    with pytest.raises(DataError, match=r"overlays: .* has 3 volumes; give one 3D image each"):
        view_img(maps, overlays=[maps])


def test_niivue_gets_what_is_in_view(maps, anatomy):
    """The map and the background arrive with their mm, values to half a quantum, and threshold."""
    pytest.importorskip("ipyniivue")
    viewer = view_img(maps, anatomy, threshold=2.0)
    viewer.component = 1

    under, shown = to_niivue(viewer).volumes

    img = nib.Nifti1Image.from_bytes(bytes(shown.data))
    voxel = nib.affines.apply_affine(np.linalg.inv(img.affine), viewer.peaks(1)[0])
    assert img.get_fdata()[tuple(np.rint(voxel).astype(int))] == pytest.approx(-12, abs=12 / 254)
    assert (shown.cal_min, shown.cal_max) == (2.0, viewer.vmax)
    assert nib.Nifti1Image.from_bytes(bytes(under.data)).shape == SHAPE


def test_without_ipyniivue_the_way_to_it_is_said(maps, monkeypatch):
    """An ImportError with the line that installs it."""
    monkeypatch.setitem(sys.modules, "ipyniivue", None)

    with pytest.raises(ImportError, match=r"pip install 'nbica\[niivue\]'"):
        to_niivue(view_img(maps))


def test_a_large_page_says_so(maps, monkeypatch):
    """A page too large to mail is written with a warning: its size, and how to make it smaller."""
    viewer = view_img(maps)
    viewer.to_html()
    monkeypatch.setattr("nbica.viewer.page.LARGE", 10_000)

    with pytest.warns(DataWarning, match=r"The page of .* has 0\.\d MB: .*index_img") as found:
        viewer.to_html()

    assert found[0].filename == __file__


# ---- colours ------------------------------------------------------------------------------------

# Machado, Oliveira & Fernandes (2009), doi:10.1109/TVCG.2009.113, severity 1, on linear RGB.
BLIND = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                   [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                     [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                   [0.004733, 0.691367, 0.303900]],
}  # fmt: skip


def lab(rgb, matrix=None):
    """CIE L*a*b* (D65) of sRGB colours, as seen by a kind of colour vision."""
    c = np.asarray(rgb, float) / 255
    c = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    if matrix is not None:
        c = np.clip(c @ np.transpose(matrix), 0, 1)
    xyz = c @ np.array(
        [[0.4124, 0.2126, 0.0193], [0.3576, 0.7152, 0.1192], [0.1805, 0.0722, 0.9505]]
    )
    t = xyz / [0.9505, 1, 1.089]
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], 1)


@pytest.mark.parametrize("name", colors.DIVERGING)
@pytest.mark.parametrize("kind", [None, *BLIND])
def test_plus_is_told_from_minus_by_every_eye(name, kind):
    """At each size, the colours of + and − differ by ΔE ≥ 10, for all common colour vision."""
    seen = lab(colors.table_of(name), BLIND.get(kind))

    assert np.linalg.norm(seen[128:] - seen[127::-1], axis=1).min() >= 10


@pytest.mark.parametrize("name", [name for name in colors.NAMES if name not in colors.DIVERGING])
def test_one_sided_maps_grow_lighter(name):
    """Larger is lighter, so that they are read in grey print too."""
    lightness = lab(colors.table_of(name))[:, 0]

    # Whole numbers of red, green and blue round by less than half a unit of lightness.
    assert (np.diff(lightness) > -0.5).all()
    assert lightness[-1] - lightness[0] > 50


def on_mni_grid(data, shift=0.0):
    """A map on voxels of 4 mm, in MNI space unless it is shifted along y."""
    affine = np.diag([4.0, 4, 4, 1])
    affine[:3, 3] = -88, -124 + shift, -72
    return nib.Nifti1Image(data, affine)


def test_a_brain_is_behind_the_maps_without_being_asked_for(rng):
    """MNI152 behind maps in its space, what they cover behind others; None is none."""
    data = np.zeros((45, 54, 45, 2), np.float32)
    data[20:24, 20:24, 20:24] = rng.standard_normal((4, 4, 4, 2))

    in_mni, elsewhere = view_img(on_mni_grid(data)), view_img(on_mni_grid(data, 40))
    nothing = view_img(on_mni_grid(data), None)

    assert in_mni.scene.background.name == template.NAME
    np.testing.assert_allclose(in_mni.scene.bounds[1], [-112, 78], atol=3)
    covered = elsewhere.scene.background
    assert covered.codes.sum() == 255 * 64 + (covered.codes == 1).sum()
    assert nothing.scene.background is None


def test_a_run_stands_on_its_own_mean(rng):
    """Frames are drawn over their mean, in MNI space too."""
    series = 100 + rng.standard_normal((45, 54, 45, 12)).astype(np.float32)

    viewer = view_img(on_mni_grid(series))

    assert viewer.scene.background.name == "mean"


def test_a_run_brings_its_repetition_time(rng):
    """Its time course is in seconds without a word; what is passed goes before the header."""
    img = nib.Nifti1Image(100 + rng.standard_normal((8, 8, 8, 12)).astype(np.float32), AFFINE)
    img.header.set_xyzt_units("mm", "sec")
    img.header.set_zooms((4, 4, 4, 1.5))

    assert json.loads(_header(view_img(img)._payload))["t_r"] == 1.5
    assert json.loads(_header(view_img(img, t_r=2)._payload))["t_r"] == 2
