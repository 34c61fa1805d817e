"""What AWS's documentation says of updates, property by property, to hold our facts against."""
