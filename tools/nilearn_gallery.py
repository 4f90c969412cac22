"""Run the examples of nilearn's gallery with their imports changed, on stand-in data.

    git clone https://github.com/nilearn/nilearn && python -m tools.nilearn_gallery nilearn
    python -m tools.nilearn_gallery nilearn 03_connectivity/plot_compare_decomposition

Of each import line, the first word becomes `nbica`, unless it is of nilearn's private modules (and
what `import nilearn.…` binds is called by its new name); nothing else of an example is touched, and
nothing of it is kept. Data come from the tests' mirror, which has small simulated files under the
names of the true ones; what it does not have is not there. An example that stops is run once more
as it is, by nilearn, on the same files: if that stops too, the stand-ins do not permit it, and the
example says nothing about nbica.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

# Examples on what nbica is about.
WANTED = (
    "00_tutorials/plot_3d_and_4d_niimg", "00_tutorials/plot_decoding_tutorial",
    "00_tutorials/plot_nilearn_101", "01_plotting/plot_atlas", "01_plotting/plot_carpet",
    "01_plotting/plot_demo_glass_brain", "01_plotting/plot_demo_glass_brain_extensive",
    "01_plotting/plot_demo_more_plotting", "01_plotting/plot_demo_plotting",
    "01_plotting/plot_dim_plotting", "01_plotting/plot_haxby_masks",
    "01_plotting/plot_overlay", "01_plotting/plot_prob_atlas", "01_plotting/plot_transparency",
    "01_plotting/plot_visualization", "02_decoding/plot_haxby_anova_svm",
    "02_decoding/plot_haxby_different_estimators", "02_decoding/plot_haxby_frem",
    "02_decoding/plot_haxby_full_analysis", "02_decoding/plot_haxby_grid_search",
    "02_decoding/plot_haxby_multiclass", "02_decoding/plot_haxby_searchlight",
    "02_decoding/plot_haxby_stimuli", "02_decoding/plot_haxby_understand_decoder",
    "02_decoding/plot_simulated_data", "03_connectivity/plot_atlas_comparison",
    "03_connectivity/plot_compare_decomposition", "03_connectivity/plot_data_driven_parcellations",
    "03_connectivity/plot_extract_regions_dictlearning_maps",
    "03_connectivity/plot_group_level_connectivity",
    "03_connectivity/plot_inverse_covariance_connectome",
    "03_connectivity/plot_multi_subject_connectome",
    "03_connectivity/plot_probabilistic_atlas_extraction",
    "03_connectivity/plot_seed_to_voxel_correlation", "03_connectivity/plot_signal_extraction",
    "03_connectivity/plot_simulated_connectome", "03_connectivity/plot_sphere_based_connectome",
    "06_manipulating_images/plot_affine_transformation",
    "06_manipulating_images/plot_compare_mean_image",
    "06_manipulating_images/plot_extract_regions_labels_image",
    "06_manipulating_images/plot_extract_rois_smith_atlas",
    "06_manipulating_images/plot_extract_rois_statistical_maps",
    "06_manipulating_images/plot_mask_computation", "06_manipulating_images/plot_negate_image",
    "06_manipulating_images/plot_nifti_labels_simple", "06_manipulating_images/plot_nifti_simple",
    "06_manipulating_images/plot_resample_to_template",
    "06_manipulating_images/plot_roi_extraction",
    "06_manipulating_images/plot_smooth_mean_image", "06_manipulating_images/plot_threshold_image",
    "07_advanced/plot_advanced_decoding_scikit", "07_advanced/plot_age_group_prediction_cross_val",
    "07_advanced/plot_copy_headers_math_img", "07_advanced/plot_haxby_mass_univariate",
    "07_advanced/plot_haxby_mvpa", "07_advanced/plot_ica_resting_state",
    "07_advanced/plot_mask_large_fmri",
)  # fmt: skip
SECONDS = 600
KINDS = {
    "runs": "run whole",
    "data": "stop with nilearn too, on the same stand-in files",
    "stops": "stop with nbica only",
}


def ported(source):
    """The source of an example with its imports changed, and no more."""
    if re.search(r"^import nilearn\b", source, flags=re.MULTILINE):
        source = re.sub(r"\bnilearn\.(?=[a-z])", "nbica.", source)
    return re.sub(
        r"^(\s*)(from|import) nilearn\b(?!\._)", r"\1\2 nbica", source, flags=re.MULTILINE
    )


def source_of(repository, name):
    """An example, from a working tree or from a repository without one."""
    path = f"examples/{name}.py"
    if (Path(repository) / path).is_file():
        return (Path(repository) / path).read_text(encoding="utf-8")
    show = ["git", "-C", str(repository), "show", f"HEAD:{path}"]
    return subprocess.run(show, capture_output=True, check=True, text=True).stdout


def run(name, source, folder, mirror):
    """Run an example; returns what stopped it, in one line, or nothing."""
    # nilearn finds what nbica fetched from the mirror, and no copy of this machine's user.
    env = os.environ | {
        "NBICA_MIRROR": mirror, "NBICA_DATA": str(folder / "data"), "MPLBACKEND": "agg",
        "NILEARN_DATA": str(folder / "data"), "NBICA_PROGRESS": "off",
    }  # fmt: skip
    program = folder / f"{Path(name).name}.py"
    program.write_text(source, encoding="utf-8")
    try:
        done = subprocess.run(
            [sys.executable, str(program)], cwd=folder, env=env, capture_output=True, text=True,
            timeout=SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"not done after {SECONDS} s"
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["stopped"])[-1]


def outcome(name, source, folder, mirror):
    """What became of an example: a word of KINDS, and what stopped it."""
    stopped = run(name, ported(source), folder, mirror)
    if not stopped:
        return "runs", ""
    theirs = run(name, source, folder, mirror)
    return ("data", f"{stopped[:120]} | {theirs[:120]}") if theirs else ("stops", stopped[:240])


def main():
    """Run examples one after the other, and print what became of each."""
    from nbica.datasets.stand_in import Contents, Mirror

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("repository")
    parser.add_argument("names", nargs="*", default=WANTED)
    args = parser.parse_args()
    counts = Counter()
    contents = Contents(n_subjects=8, n_timepoints=120, voxel_size=6.0)
    with tempfile.TemporaryDirectory() as folder, Mirror(contents) as server:
        server.start()
        for name in args.names:
            kind, why = outcome(name, source_of(args.repository, name), Path(folder), server.url)
            counts[kind] += 1
            print(f"{kind:6} {name} {why}", flush=True)
        server.shutdown()
    print(", ".join(f"{number} {KINDS[kind]}" for kind, number in counts.items()))


if __name__ == "__main__":
    main()
