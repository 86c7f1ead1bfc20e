"""Public code lists as data: regions (GB/T 2260), industries (GB/T 4754), size classes (2011 No. 300)."""
