"""The way up 信用培植: the cheapest plan of realistic steps to a grade or a product, or the proof of none."""
