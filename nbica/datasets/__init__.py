"""Open data in one call, data that lie on this disk, and a simulated cohort with known truth."""

from nbica.runtime.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        ".download.folders": ["get_data_dirs"],
        ".fetchers.abide": ["fetch_abide_pcp"],
        ".fetchers.atlases": [
            "fetch_atlas_difumo", "fetch_atlas_msdl", "fetch_atlas_schaefer_2018",
            "fetch_atlas_smith_2009", "fetch_atlas_yeo_2011", "fetch_networks_abide",
        ],
        ".fetchers.common": ["data_sets", "plan"],
        ".fetchers.functional": [
            "fetch_adhd", "fetch_development_fmri", "fetch_localizer_first_level",
        ],
        ".fetchers.harvard_oxford": ["fetch_atlas_harvard_oxford"],
        ".fetchers.haxby": ["fetch_haxby"],
        ".fetchers.mirrors": ["mirror"],
        ".fetchers.openneuro": ["fetch_openneuro"],
        ".fetchers.templates": ["fetch_icbm152_2009", "fetch_templateflow"],
        ".local.bids": ["find_bids"],
        ".local.hcp": ["find_hcp"],
        ".simulation.group": ["simulate_group"],
        ".simulation.task": ["simulate_task"],
        "nilearn.datasets": [
            "GM_MNI152_FILE_PATH", "MNI152_FILE_PATH", "WM_MNI152_FILE_PATH", "fetch_atlas_aal",
            "fetch_atlas_allen_2011", "fetch_atlas_basc_multiscale_2015",
            "fetch_atlas_craddock_2012", "fetch_atlas_destrieux_2009", "fetch_atlas_juelich",
            "fetch_atlas_pauli_2017", "fetch_atlas_surf_destrieux", "fetch_atlas_talairach",
            "fetch_coords_dosenbach_2010", "fetch_coords_power_2011", "fetch_coords_seitzman_2018",
            "fetch_ds000030_urls", "fetch_fiac_first_level", "fetch_icbm152_brain_gm_mask",
            "fetch_language_localizer_demo_dataset", "fetch_localizer_button_task",
            "fetch_localizer_calculation_task", "fetch_localizer_contrasts",
            "fetch_megatrawls_netmats", "fetch_mixed_gambles", "fetch_miyawaki2008",
            "fetch_neurovault", "fetch_neurovault_auditory_computation_task",
            "fetch_neurovault_ids", "fetch_oasis_vbm", "fetch_openneuro_dataset",
            "fetch_spm_auditory", "fetch_spm_multimodal_fmri", "fetch_surf_fsaverage",
            "fetch_surf_nki_enhanced", "load_fsaverage", "load_fsaverage_data",
            "load_mni152_brain_mask", "load_mni152_gm_mask", "load_mni152_gm_template",
            "load_mni152_template", "load_mni152_wm_mask", "load_mni152_wm_template", "load_nki",
            "load_sample_motor_activation_image", "patch_openneuro_dataset", "select_from_index",
        ],
    },
)  # fmt: skip
