"""Failed comparisons of the shared builder show both sides."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.cohorts.build")
