"""How Tomato is set up: on a laptop (`local`), in containers, on Kubernetes."""
