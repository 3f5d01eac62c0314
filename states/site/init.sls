# The operator's own states for every node, run after ours: a file of this name in his federation's states/site/ wins.
