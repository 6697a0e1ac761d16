"""The suite as pytest sees it: one test a check. `ctosd.testing.plugin` brings the subject."""

from __future__ import annotations

from typing import Any

import pytest

from ctosd.testing.conformance import CHECKS, Check, Subject, Unfit


@pytest.mark.parametrize("check", CHECKS, ids=[check.id for check in CHECKS])
def test_conformance(check: Check, ctos_subject: Subject) -> None:
    examine(check, ctos_subject)


def examine(check: Check, subject: Subject) -> None:
    """Run one check; what does not apply is skipped with its reason."""
    try:
        check(subject)
    except Unfit as reason:
        skip: Any = pytest.skip
        skip(str(reason))
