"""The usual way to serve a model with its reasons: a pyfunc of LightGBM and shap behind MLflow.

`mlflow_rating.py save BUNDLE FOLDER` writes the model of a bundle as an MLflow model (models from
code); `mlflow models serve` then loads this file again and calls `predict`. Runs in the main
environment, which has the same LightGBM and shap that made the bundle. It answers the probability and
the contributions only: who asks, consent, grade, sentences and the audit row are not here.
"""

import json
import os
import sys
from pathlib import Path

os.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}

import lightgbm as lgb
import mlflow
import numpy as np
import shap
from mlflow.models import set_model


class RatingModel(mlflow.pyfunc.PythonModel):
    """Probability and shap values of rows."""

    def load_context(self, context):
        """Load the trees once a worker."""
        self._booster = lgb.Booster(model_file=context.artifacts["model"])
        self._explainer = shap.TreeExplainer(self._booster)
        calibration = json.loads(Path(context.artifacts["manifest"]).read_text())["calibration"]
        self._intercept, self._slope = calibration["intercept"], calibration["slope"]

    def predict(self, context, model_input, params=None):  # noqa: ARG002 - the signature is MLflow's
        """Answer every row with its probability and the contribution of every feature."""
        model_input = model_input.astype(np.float64)  # a column without a value comes as objects
        margin = self._booster.predict(model_input, raw_score=True, num_threads=1)
        probability = 1 / (1 + np.exp(-(self._intercept + self._slope * margin)))
        contributions = self._explainer.shap_values(model_input)
        names = list(model_input.columns)
        return [
            {"default_probability": float(one), "contributions": dict(zip(names, row, strict=True))}
            for one, row in zip(probability, contributions.tolist(), strict=True)
        ]


def save(bundle: Path, folder: Path) -> None:
    """Write the model of a bundle for `mlflow models serve`."""
    artifacts = {"model": str(bundle / "model.txt"), "manifest": str(bundle / "manifest.json")}
    mlflow.pyfunc.save_model(
        path=str(folder), python_model=__file__, artifacts=artifacts, pip_requirements=["mlflow"]
    )


if __name__ == "__main__" and sys.argv[1:2] == ["save"]:
    save(Path(sys.argv[2]), Path(sys.argv[3]))
else:
    set_model(RatingModel())
