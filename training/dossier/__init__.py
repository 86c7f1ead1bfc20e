"""The dossier of a model 模型档案: one page from which somebody who did not train it can judge it.

Written from the study and the bundle of one training and nothing else, so it can be written again years
later. Rows of firms enter as counts, curves and bands; no key, code or exact value of a firm leaves.
"""

from training.dossier.page import dossier_path, keep_dossiers, write_dossier

__all__ = ["dossier_path", "keep_dossiers", "write_dossier"]
