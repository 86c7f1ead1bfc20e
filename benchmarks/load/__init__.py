"""An open-loop load generator for services on this machine.

Requests are due at times fixed before the run, whatever the service does, and latency counts from
the due time: a service that stalls is charged for everybody who had to wait (no coordinated
omission). The generator runs in processes of its own, so its CPU is known apart.
"""
