"""A release day of software updates: ten thousand devices, what they ask, what of it reaches the origin."""
