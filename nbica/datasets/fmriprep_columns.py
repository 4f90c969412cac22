"""Names and limits of fMRIPrep's confound tables that several rooms need."""

MOTION = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z")
FD_LIMIT = 0.5  # mm, fMRIPrep's default for motion outliers
DVARS_LIMIT = 1.5  # of std_dvars, likewise
