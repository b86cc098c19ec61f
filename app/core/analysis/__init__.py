"""Making the result: strategies, the steps they take, and what rules put under it."""
