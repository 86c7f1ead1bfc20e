"""Public support for firms 惠企政策: whom it is for, what it comes to and how to claim it."""
