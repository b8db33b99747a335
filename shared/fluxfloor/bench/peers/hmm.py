"""hmmlearn's GaussianHMM without priors, from the start that was handed in."""

from __future__ import annotations

from typing import Any

import numpy as np
from hmmlearn.hmm import GaussianHMM


def run(given: Any) -> Any:
    implementation = "scaling" if given["scaling"] else "log"
    model = GaussianHMM(
        len(given["start"]), "diag", n_iter=int(given["steps"]), tol=-np.inf, init_params="", min_covar=0,
        covars_prior=0, covars_weight=1, implementation=implementation,
    )  # fmt: skip
    model.startprob_, model.transmat_, model.means_ = given["start"], given["transition"], given["mean"]
    model.covars_ = np.array([np.diag(matrix) for matrix in given["covariance"]])
    model.fit(given["x"])
    order = np.argsort([np.trace(matrix) for matrix in model.covars_])
    return (
        np.array(model.monitor_.history), model.transmat_[order][:, order], model.means_[order], model.covars_[order]
    )  # fmt: skip
