"""An hour of a blog's readers: who they are, what they ask, what of it reaches the origin."""
