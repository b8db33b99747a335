"""How capital is shared among strategies: pure functions of their histories, a policy and the weights in force."""
