"""From a feature vector to a calibrated, explained rating."""
