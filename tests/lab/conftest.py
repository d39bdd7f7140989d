"""What the tests of the laboratory share."""

from lab_street import street

__all__ = ["street"]
