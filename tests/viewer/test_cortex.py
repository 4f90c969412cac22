"""The cortex of a viewer: what crosses to the browser, and which viewers have one."""

import nibabel as nib
import numpy as np
import pytest
import traitlets as t

from nbica.exceptions import DataWarning
from nbica.image.surfaces import LEVELS, icosahedral_mesh, load_fsaverage5
from nbica.image.template import AFFINE, load_tissue
from nbica.viewer import ComponentBrowser, SliceViewer, cortex, page

PARENTS = icosahedral_mesh(LEVELS)[1]


def maps_in_mni(n_maps=2):
    grey = load_tissue("gm")[::2, ::2, ::2].astype(np.float32)
    volumes = np.stack([grey * (k + 1) for k in range(n_maps)], axis=-1)
    return nib.Nifti1Image(volumes, AFFINE @ np.diag([2, 2, 2, 1.0]))


def maps_elsewhere():
    rng = np.random.default_rng(0)
    return nib.Nifti1Image(rng.standard_normal((20, 22, 18)).astype(np.float32), np.eye(4))


def undone(residuals, kind=np.int16):
    """What residuals were made of, vertex by vertex; sums wrap as the kind of number does."""
    values = np.zeros(residuals.shape, np.int64)
    for v, (first, second) in enumerate(PARENTS):
        predicted = (values[:, first] + values[:, second]) >> 1 if v >= 12 else 0
        values[:, v] = (predicted + residuals[:, v]).astype(kind)
    return values


@pytest.mark.parametrize("side", [0, 1], ids=["left", "right"])
@pytest.mark.parametrize("name", ["pial", "white"])
def test_coordinates_cross_to_half_a_step(side, name):
    """Residuals give back the surfaces in the wheel, 0.0125 mm off at most."""
    surface = cortex.quantised()[side]

    found = undone(cortex.residuals(getattr(surface, name))).T * cortex.STEP

    off = np.abs(found - getattr(load_fsaverage5()[side], name)).max()
    assert off < 0.51 * cortex.STEP


def test_a_cortex_adds_less_than_600_kb_to_a_page():
    """The bytes as text and all the JavaScript about it stay below 0.6 MB; in truth, below 0.35."""
    scripts = [name for name in page.SLICE_SCRIPTS if name.startswith("cortex")]
    more = len(cortex.pack_cortex()) * 4 / 3 + sum(len(page.read(f"js/{name}")) for name in scripts)

    assert len(scripts) > 3
    assert more < 350_000
    with_it, without = (
        len(SliceViewer(maps_in_mni(), cortex=c).to_html()) for c in ("auto", False)
    )
    assert 200_000 < with_it - without < 300_000


def test_hemispheres_that_are_inflated_stay_beside_each_other():
    """Blown up, each is on its own side, and as long as folded."""
    left, right = cortex.quantised()

    assert left.inflated[:, 0].max() < 0 < right.inflated[:, 0].min()
    for half in (left, right):
        assert np.ptp(half.inflated[:, 1]) == pytest.approx(np.ptp(half.pial[:, 1]), abs=2)


@pytest.mark.parametrize("widget", [SliceViewer, ComponentBrowser])
def test_maps_in_mni_space_have_a_cortex(widget):
    """By default maps in MNI space have it beside the slices; cortex=False sends nothing."""
    with_it, without = widget(maps_in_mni()), widget(maps_in_mni(), cortex=False)

    assert with_it.cortex
    assert with_it._cortex == cortex.pack_cortex()
    assert not without.cortex
    assert without._cortex is None
    assert with_it.n_bytes - without.n_bytes == len(cortex.pack_cortex())


def test_maps_elsewhere_have_none_and_say_so_when_asked():
    """Outside of MNI space there is no cortex; who asks for it is told why."""
    assert not SliceViewer(maps_elsewhere()).cortex

    with pytest.warns(DataWarning, match="no cortex to show these maps on: fsaverage5 is for maps"):
        viewer = SliceViewer(maps_elsewhere(), cortex=True)
    assert not viewer.cortex
    for name, value in (("cortex", True), ("view", "cortex")):
        with pytest.raises(t.TraitError, match="there is no cortex in this viewer"):
            setattr(viewer, name, value)
    with pytest.raises(t.TraitError, match="there is no cortex in this viewer"):
        SliceViewer(maps_elsewhere(), view="cortex")


@pytest.mark.parametrize("value", ["yes", None, 2])
def test_what_is_no_choice_is_refused(value):
    """`cortex` takes True, False and 'auto'."""
    with pytest.raises(ValueError, match="expected True, False or 'auto'"):
        SliceViewer(maps_in_mni(), cortex=value)


def test_its_state_is_checked():
    """Inflation is from 0 to 1, the turn two finite numbers, hemispheres have names."""
    viewer = SliceViewer(maps_in_mni(), inflation=0.5, turn=[10, 90], hemi="left")

    assert (viewer.inflation, viewer.turn, viewer.hemi) == (0.5, [10, 90], "left")
    wrong = {"inflation": 1.5, "turn": [0, np.inf], "hemi": "middle", "_cortex": b"else"}
    for name, value in wrong.items():
        with pytest.raises(t.TraitError):
            setattr(viewer, name, value)


def test_a_saved_notebook_leaves_the_cortex_out_where_room_is_short(monkeypatch):
    """Between the sizes without and with a cortex, what is saved is the page without."""
    viewer = SliceViewer(maps_in_mni(), view="cortex")
    size = len(viewer._esm) + 4 / 3 * len(viewer._payload)

    monkeypatch.setenv("NBICA_EMBED", str((size + 1000) / 1e6))
    small = viewer._repr_mimebundle_()[0]["text/html"]
    monkeypatch.setenv("NBICA_EMBED", str((size + 400_000) / 1e6))
    large = viewer._repr_mimebundle_()[0]["text/html"]

    assert len(large) - len(small) > 250_000
    assert "&quot;view&quot;: &quot;ortho&quot;" in small
    assert "&quot;view&quot;: &quot;cortex&quot;" in large


def test_values_of_vertices_cross_in_steps():
    """Values per hemisphere come back to half a 127th of their largest; NaN are 0."""
    rng = np.random.default_rng(1)
    left, right = rng.standard_normal((2, 2, 10242))
    left[0, :5] = np.nan

    found = cortex.vertex_values(left, right, n_maps=2)

    arrays = found.arrays
    for name, values in (("left", left), ("right", right)):
        codes = undone(arrays[f"{name}_low"].astype(np.int64), np.int8)
        off = codes * found.scales[:, None] - np.nan_to_num(values)
        assert (np.abs(off) <= 0.51 * found.scales[:, None]).all()
    assert (found.left[0, :5] == 0).all()


@pytest.mark.parametrize("widget", [SliceViewer, ComponentBrowser])
def test_values_of_vertices_make_a_cortex_anywhere(widget):
    """With values of its own a cortex needs no MNI space, and the values cross with the maps."""
    values = (np.zeros(10242), np.ones(10242))

    viewer = widget(maps_elsewhere(), vertex_values=values)

    assert viewer.cortex
    assert viewer.scene.vertices in viewer.scene.volumes
    assert viewer.n_bytes > widget(maps_elsewhere(), cortex=False).n_bytes + 199_000


@pytest.mark.parametrize(
    ("left", "told"),
    [
        (np.zeros(32492), r"left has shape \(1, 32492\); expected \(1, 10242\)"),
        (np.zeros((3, 10242)), r"left has shape \(3, 10242\); expected \(1, 10242\)"),
        (np.full(10242, "a"), "vertex_values .left. holds"),
    ],
)
def test_wrong_values_of_vertices_are_named(left, told):
    """Another mesh, another number of maps or no numbers: an error says what was found."""
    with pytest.raises(ValueError, match=told):
        cortex.vertex_values(left, np.zeros(10242))
