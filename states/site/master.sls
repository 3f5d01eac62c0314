# The operator's own states for the master, run after ours: a file of this name in his federation's states/site/ wins.
