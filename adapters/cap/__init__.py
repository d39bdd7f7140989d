"""Alerts from and to the Common Alerting Protocol (OASIS CAP 1.2), a profile of which is the kind `alert`.

Rules of the conversion:
1. Read: CAP 1.2 and 1.1 (the same elements under another namespace). CAP 1.0, feeds and envelopes are
   refused by name. Written: CAP 1.2 that validates against the standard's schema, scope Restricted always.
2. Markup is read hardened (`document`): 1 MiB, depth 16, no DOCTYPE, no entities, nothing fetched.
3. The profile carries one language. All `info` blocks of the best one (zh-CN, other Chinese, English, else
   the first block's) become a draft each; they are parts of one warning, not translations. The other
   languages are named in `not_carried`.
4. What CAP leaves open and the profile needs is supplied and named in `supplied`: `effective` from `sent` (as
   CAP itself rules), `headline` from `event`, `expires` from the given validity, division codes from
   `default_geocodes`. What is there and wrong is refused.
5. An area with several polygons or circles, whose union CAP means, becomes several areas with one each.
6. What CAP has no element for travels as `parameter`s named `cn.border-exchange:…`; an alert written here
   says so in `code`, and is then read back exactly: nothing is supplied to it.
7. A file with a single flaw gives rejections, one for each flaw, and no draft.
"""

from adapters.cap.reading import DEFAULT_VALIDITY, read_cap
from adapters.cap.vocabulary import CAP_1_1, CAP_1_2, PROFILE
from adapters.cap.writing import to_cap

__all__ = ["CAP_1_1", "CAP_1_2", "DEFAULT_VALIDITY", "PROFILE", "read_cap", "to_cap"]
