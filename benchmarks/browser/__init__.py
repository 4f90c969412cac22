"""What the row `viewer` measures: scenes as files, pages in a browser, widgets in JupyterLab."""
