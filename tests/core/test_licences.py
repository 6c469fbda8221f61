"""Licences have one name each, and what forbids commerce is said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lesionlab.core.licences import (
    LICENCES,
    explain_licences,
    is_non_commercial,
    normalise_licence,
)

SPELLINGS = {
    "CC-0": ("CC-0", "CC0", "cc0 1.0", "CC 0", "CC0-1.0", "CC Zero", "CC0 1.0 Universal",
             "https://creativecommons.org/publicdomain/zero/1.0/"),
    "CC-BY": ("CC-BY", "CC BY", "CC BY 4.0", "cc_by", "CC-BY-4.0", "BY",
              "Creative Commons Attribution 4.0 International License",
              "https://creativecommons.org/licenses/by/4.0/legalcode"),
    "CC-BY-NC": ("CC-BY-NC", "CC BY-NC 4.0", "cc by nc",
                 "Creative Commons Attribution-NonCommercial 3.0 Unported",
                 "Attribution Non-Commercial", "http://creativecommons.org/licenses/by-nc/3.0/"),
    "CC-BY-NC-SA": ("CC BY-NC-SA 4.0", "Attribution-NonCommercial-ShareAlike 4.0 International"),
    "CC-BY-NC-ND": ("CC-BY-NC-ND", "CC BY-NC-ND 2.0", "Attribution-NonCommercial-NoDerivs"),
    "CC-BY-SA": ("CC BY-SA 4.0", "Attribution-Share Alike 4.0"),
    "CC-BY-ND": ("CC BY-ND 4.0", "Attribution-NoDerivatives 4.0"),
}


@pytest.mark.parametrize(("name", "text"),
                         [(name, text) for name, texts in SPELLINGS.items() for text in texts])
def test_every_spelling_of_a_licence_has_one_name(name: str, text: str) -> None:
    assert normalise_licence(text) == name
    assert is_non_commercial(text) == ("NC" in name)


@pytest.mark.parametrize("text", [
    "our own", "", "0", "CC", "4.0", "CC BY 4.0, not for commerce", "CC-BY-NC-NC",
    "all rights reserved", "CC-NC", "public domain"])
def test_what_is_no_licence_of_creative_commons_stays_as_it_is(text: str) -> None:
    assert normalise_licence(f" {text} ") == text


def test_a_licence_of_ones_own_may_forbid_commerce() -> None:
    assert is_non_commercial("for non-commercial research")


@given(st.text() | st.sampled_from(LICENCES))
def test_a_name_is_its_own_name(text: str) -> None:
    name = normalise_licence(text)
    assert normalise_licence(name) == name


def test_images_without_restriction_need_no_word() -> None:
    assert explain_licences({"CC-BY": 10, "CC-0": 2}) == ""


def test_a_model_of_non_commercial_images_is_non_commercial() -> None:
    assert explain_licences({"CC-BY": 1_000, "CC-BY-NC": 9_000, "CC BY-NC-SA 4.0": 34}) == (
        "9,034 of 10,034 images are licensed for non-commercial use only; so is a model trained "
        "on them.")


def test_images_of_unknown_licence_are_said() -> None:
    assert explain_licences({"CC-BY-NC": 1, "unknown": 2}) == (
        "1 of 3 images are licensed for non-commercial use only; so is a model trained on them. "
        "The licence of 2 of 3 images is not known; ask for it before you pass on a model trained "
        "on them.")
