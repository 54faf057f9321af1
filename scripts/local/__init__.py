"""A real Kubernetes node on this machine, in namespaces of its own.

``cluster`` starts and ends it, ``images`` builds straight into its image store, and ``values``
writes what the charts need to know about it. How it is put together: README.md in this folder.
"""
