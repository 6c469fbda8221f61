"""Groups are the connected components of all links."""

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from lesionlab.dataset.grouping import link_groups

ids = [f"i{k}" for k in range(8)]
links = st.lists(st.none() | st.sampled_from("xyz"), min_size=len(ids), max_size=len(ids))
copies = st.lists(st.tuples(st.sampled_from([*ids, "gone"]), st.sampled_from(ids)), max_size=5)


def list_components(
    patients: list, lesions: list, pairs: list[tuple[str, str]]
) -> dict[str, str]:
    """Each id's component, by merging the sets of any two linked ids until nothing moves."""
    sets = [{k} for k in ids]
    links = [{a, b} for values in (patients, lesions) for a, p in zip(ids, values, strict=True)
             for b, q in zip(ids, values, strict=True) if p is not None and p == q]
    links += [{a, b} for a, b in pairs if a in ids]
    for link in links:
        touched = [part for part in sets if part & link]
        sets = [part for part in sets if not part & link] + [set().union(*touched)]
    return {k: min(part) for part in sets for k in part}


@given(links, links, copies)
def test_groups_are_the_connected_components(patients: list, lesions: list, pairs: list) -> None:
    frame = pd.DataFrame({"patient_id": pd.Series(patients, ids, "str"),
                          "lesion_id": pd.Series(lesions, ids, "str")})
    groups = link_groups(frame, iter(pairs))
    assert groups.to_dict() == list_components(patients, lesions, pairs)
    assert groups.name == "group_id"


@given(links, copies, st.randoms(use_true_random=False))
def test_groups_do_not_depend_on_the_order_of_rows(values: list, pairs: list, random) -> None:
    frame = pd.DataFrame({"lesion_id": pd.Series(values, ids, "str")})
    shuffled = frame.loc[random.sample(ids, len(ids))]
    assert link_groups(shuffled, pairs[::-1]).to_dict() == link_groups(frame, pairs).to_dict()


def test_a_patient_and_a_lesion_of_one_name_are_no_link() -> None:
    frame = pd.DataFrame({"patient_id": ["1", None], "lesion_id": [None, "1"]}, index=["a", "b"])
    assert link_groups(frame, []).tolist() == ["a", "b"]


def test_without_links_every_image_is_its_own_group() -> None:
    assert link_groups(pd.DataFrame(index=["b", "a"]), []).to_dict() == {"a": "a", "b": "b"}


def test_no_image_has_no_group() -> None:
    assert link_groups(pd.DataFrame({"patient_id": []}, index=pd.Index([], dtype="str")), []).empty
