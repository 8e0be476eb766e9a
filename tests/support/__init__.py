"""What several tests share: a small PKI, two ends in memory, and ends that misbehave."""
