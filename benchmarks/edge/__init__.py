"""Edge caching, measured with a real HTTP cache that has the distribution's own policies."""
