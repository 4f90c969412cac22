"""Simulated files with the names, layouts, tables and traps of the real archives.

Runs are those of `simulate_group`, used in turn for all subjects of all data sets; atlases and
templates are small. What is kept of the original is what code could stumble over.
"""

import gzip
import hashlib
import io
import tarfile
import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
from PIL import Image

from nbica.datasets import registry, simulate_group
from nbica.datasets.stand_in import tables

MNI = np.array([[9.0, 0, 0, -90], [0, 9, 0, -126], [0, 0, 9, -72], [0, 0, 0, 1]])
SHAPE = (20, 24, 20)


class Contents:
    """Files by path, made when they are first asked for and then kept in memory.

    Parameters
    ----------
    n_subjects, n_timepoints, voxel_size
        Of the simulated runs behind all data sets.
    """

    def __init__(self, n_subjects=2, n_timepoints=24, voxel_size=12.0):
        # The group behind all runs, now: who asks for a file does not wait for a simulation.
        self.cohort = simulate_group(n_subjects, n_timepoints, voxel_size=voxel_size)
        self._n_timepoints = n_timepoints
        self._made = {}
        self._guard = threading.RLock()

    def __getitem__(self, path):
        with self._guard:
            if path not in self._made:
                folder, _, name = path.partition("/")
                self._made[path] = getattr(self, f"_{_MAKERS[folder]}")(name)
            return self._made[path]

    def run(self, index, dtype=np.int16, t_r=2.0, unit="sec"):
        """A run as the bytes of a .nii.gz."""
        img = nib.load(self.cohort.func[index % len(self.cohort.func)])
        return image(img.get_fdata(dtype=np.float32), img.affine, dtype, t_r=t_r, unit=unit)

    def ball(self, radius):
        """A mask, as the bytes of a .nii.gz: what of the brain lies so near to its back, in mm."""
        img = self.cohort.mask_img
        places = nib.affines.apply_affine(img.affine, np.moveaxis(np.indices(img.shape), 0, -1))
        near = np.linalg.norm(places - (0, -60, -10), axis=-1) < radius
        return image((near & (img.get_fdata() > 0)).astype(np.uint8), img.affine, np.uint8)

    def anat(self):
        """A coarse T1, as the bytes of a .nii.gz."""
        img = self.cohort.anat_img.slicer[::3, ::3, ::3]
        return image(np.asarray(img.dataobj), img.affine, np.uint8)

    def confounds(self, index):
        """The table of a run, with all of fMRIPrep's columns."""
        return Path(self.cohort.full_confounds[index % len(self.cohort.func)]).read_bytes()

    # --- runs ---

    def _adhd(self, name):
        if name == "adhd40_metadata.tgz":
            return tgz({tables.ADHD_TABLE: tables.adhd_phenotypic()})
        subject = name.removeprefix("adhd40_").removesuffix(".tgz")
        index = tables.ADHD_IDS.index(subject)
        start = f"data/{subject}/{subject}"
        # The sites of the last subjects have another repetition time.
        return tgz(
            {
                f"{start}_rest_tshift_RPI_voreg_mni.nii.gz": self.run(
                    index, t_r=2.0 if index < 28 else 2.5
                ),
                f"{start}_regressors.csv": tables.adhd_regressors(self._n_timepoints, index),
            }
        )

    def _development(self, name):
        if name == "participants.tsv":
            return tables.development_participants()
        index = int(name[9:12]) - 1
        if name.endswith(".tsv"):
            return self.confounds(index).replace(b"n/a", b"0.0")  # the published have no gaps
        # Calibrated 8-bit integers, and a header without a repetition time.
        return self.run(index, dtype=np.int8, t_r=1.0, unit="unknown")

    def _haxby(self, name):
        if name == "MD5SUMS":
            archives = [f"subj{number}-2010.01.14.tar.gz" for number in range(1, 7)]
            archives.append("stimuli-2010.01.14.tar.gz")
            sums = {
                archive: hashlib.md5(self[f"haxby2001/{archive}"]).hexdigest()
                for archive in archives
            }
            return "".join(f"{digest}  {archive}\n" for archive, digest in sums.items()).encode()
        if name == "mask.nii.gz":
            return self.ball(200)
        if name.startswith("stimuli"):
            pictures = {f"stimuli/{kind}/{kind}_1.jpg": picture() for kind in ("faces", "houses")}
            return tgz({"stimuli/README": b"Pictures"} | pictures)
        number = int(name[4])
        radii = {
            "mask4_vt": 30, "mask8_face_vt": 20, "mask8_house_vt": 21, "mask8b_face_vt": 25,
            "mask8b_house_vt": 26,
        }  # fmt: skip
        files = {f"subj{number}/{name}.nii.gz": self.ball(radius) for name, radius in radii.items()}
        if number != 6:
            files[f"subj{number}/anat.nii.gz"] = self.anat()
        files[f"subj{number}/bold.nii.gz"] = self.run(number, t_r=2.5)
        files[f"subj{number}/labels.txt"] = tables.haxby_labels(self._n_timepoints)
        return tgz(files)

    def _abide(self, name):
        if name.endswith(".csv"):
            return tables.abide_phenotypic()
        index = int(name.split("_00")[1][:5])
        if name.endswith(".1D"):
            return tables.abide_regions(index)
        return self.run(index, t_r=2.0 + index % 2) if "func_preproc" in name else blob(index)

    def _localizer(self, name):
        start = "localizer_first_level/sub-12069_task-localizer_"
        events = b"onset\tduration\ttrial_type\n0.0\t1.0\tvisual_computation\n"
        run = self.run(0, t_r=2.4)
        return zipped({f"{start}space-MNI305.nii.gz": run, f"{start}events.tsv": events})

    def _openneuro_228(self, name):
        if name == "participants.tsv":
            return tables.development_participants()
        return self.run(int(name.split("pixar")[1][:3]))

    def _openneuro_105(self, name):
        return self.run(int(name[4]), t_r=2.5) if "bold" in name else blob(int(name[4]))

    # --- atlases and templates ---

    def _msdl(self, name):
        maps = gzip.decompress(blob(39, n_maps=39))
        return zipped(
            {
                "MSDL_rois/msdl_rois.nii": maps,
                "MSDL_rois/msdl_rois_labels.csv": tables.msdl_labels(),
                "MSDL_rois/README.txt": b"",
            }
        )

    def _smith(self, name):
        n_maps = int("".join(filter(str.isdecimal, name.removeprefix("PNAS_Smith09_")))[:2])
        return blob(n_maps, n_maps=n_maps)

    def _yeo(self, name):
        folder = "Yeo_JNeurophysiol11_MNI152"
        files = {f"{folder}/FSL_MNI152_FreeSurferConformed_1mm.nii.gz": blob(0)}
        for n_networks in (7, 17):
            start = f"{folder}/Yeo2011_{n_networks}Networks"
            maps = f"{start}_MNI152_FreeSurferConformed1mm"
            for suffix in ("", "_LiberalMask"):
                files[f"{maps}{suffix}.nii.gz"] = parcels(n_networks, has_time=True)
            files[f"{start}_ColorLUT.txt"] = tables.yeo_colors(n_networks)
        files[f"{folder}/Yeo_JNeurophysiol11_MNI152_README"] = b""
        return zipped(files)

    def _harvard_oxford(self, name):
        root = "data/atlases"
        files = {}
        for part, title, n_regions in tables.HARVARD_OXFORD:
            files[f"{root}/HarvardOxford-{title}.xml"] = tables.harvard_oxford_xml(part, n_regions)
            for kind in ("maxprob-thr0", "maxprob-thr25", "maxprob-thr50", "prob"):
                for size in (1, 2):
                    path = f"{root}/HarvardOxford/HarvardOxford-{part}-{kind}-{size}mm.nii.gz"
                    files[path] = _flipped(n_regions, is_prob=kind == "prob")
        return tgz(files)

    def _schaefer(self, name):
        n_parcels, n_networks = int(name.split("_")[1][:-7]), int(name.split("_")[2][:-8])
        if name.endswith(".txt"):
            return tables.schaefer_labels(n_parcels, n_networks)
        return parcels(n_parcels)

    def _difumo(self, name):
        n_modes = int(name.removeprefix("difumo_").removesuffix(".zip"))
        files = {f"{n_modes}/{size}mm/maps.nii.gz": blob(size, n_maps=8) for size in (2, 3)}
        labels = {f"{n_modes}/labels_{n_modes}_dictionary.csv": tables.difumo_labels(n_modes)}
        return zipped(files | labels)

    def _icbm(self, name):
        start = "mni_icbm152_nlin_sym_09a/mni_icbm152_"
        kinds = ("csf", "gm", "wm", "pd", "t1", "t2", "t2_relx")
        names = [f"{start}{kind}_tal_nlin_sym_09a.nii.gz" for kind in kinds]
        kinds = ("eye_mask", "face_mask", "mask")
        names += [f"{start}t1_tal_nlin_sym_09a_{kind}.nii.gz" for kind in kinds]
        return zipped({name: blob(i) for i, name in enumerate(names)} | {"COPYING": b"(C)"})

    def _image(self, name):
        return blob(sum(name.encode()))


_MAKERS = {
    "adhd": "adhd",
    "development_fmri": "development",
    "haxby2001": "haxby",
    "ABIDE_pcp": "abide",
    "localizer_first_level": "localizer",
    "ds000228": "openneuro_228",
    "ds000105": "openneuro_105",
    "msdl_atlas": "msdl",
    "smith_2009": "smith",
    "yeo_2011": "yeo",
    "fsl": "harvard_oxford",
    "schaefer_2018": "schaefer",
    "difumo_atlases": "difumo",
    "icbm152_2009": "icbm",
    "templateflow": "image",
    "networks_abide": "image",
}


class Pins(dict):
    """Files of a data set, those with published hashes pinned to the simulated bytes when asked."""

    def __init__(self, contents, name, files):
        super().__init__(files)
        self._contents = contents
        self._folder = registry._entries()[name]["folder"]

    def __getitem__(self, path):
        file = super().__getitem__(path)
        if not file.hash:
            return file
        data = self._contents[f"{self._folder}/{path}"]
        return replace(file, hash=f"md5:{hashlib.md5(data).hexdigest()}", size=len(data))

    def values(self):
        """All of them, pinned."""
        return [self[path] for path in self]


# --- bytes ---


def image(data, affine, dtype, *, t_r=None, unit="sec"):
    """The bytes of a .nii.gz; integers are calibrated."""
    img = nib.Nifti1Image(data, affine)
    img.set_data_dtype(dtype)
    if t_r:
        img.header.set_zooms((*img.header.get_zooms()[:3], t_r))
        img.header.set_xyzt_units("mm", unit)
    return gzip.compress(img.to_bytes(), compresslevel=1, mtime=0)


def blob(seed, n_maps=None):
    """A small smooth image, or several."""
    grid = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij"))
    centres = np.random.default_rng(seed).uniform(-0.5, 0.5, (n_maps or 1, 3))
    maps = [np.exp(-8 * ((grid.T - centre) ** 2).sum(-1).T) for centre in centres]
    data = np.stack(maps, axis=-1) if n_maps else maps[0]
    return image(data.astype(np.float32), MNI, np.float32)


def parcels(n_parcels, has_time=False):
    """A small image of integers, in which every label occurs."""
    labels = np.arange(np.prod(SHAPE)) % (n_parcels + 1)
    data = labels.reshape(SHAPE).astype(np.int16)
    return image(data[..., np.newaxis] if has_time else data, MNI, np.int16)


def _flipped(n_regions, is_prob):
    """As FSL stores its atlases: x runs from right to left."""
    affine = MNI.copy()
    affine[0] = -9, 0, 0, 81
    side = np.arange(n_regions * 8).reshape(1, -1, 8) // 8 + 1  # each region on both sides
    data = np.tile(side, (SHAPE[0], 1, 1)).astype(np.int16)
    data[:, :, 0] = 0
    if is_prob:
        data = np.stack([100 * (data == i + 1) for i in range(n_regions)], axis=-1).astype(np.int16)
    return image(data, affine, np.int16)


def picture():
    """The bytes of a grey picture."""
    stream = io.BytesIO()
    Image.new("L", (16, 16), 128).save(stream, format="jpeg")
    return stream.getvalue()


def tgz(files):
    """The bytes of a tar.gz, the same whenever it is made."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return gzip.compress(stream.getvalue(), compresslevel=1, mtime=0)


def zipped(files):
    """The bytes of a zip, likewise."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return stream.getvalue()
