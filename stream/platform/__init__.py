"""The other side of the wire: a simulated streaming platform with users of hidden taste. Nobody imports it."""
