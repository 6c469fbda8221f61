"""Words of the challenge and research sets, each with its place in ISIC's vocabulary.

A diagnosis is named by the last level of its path; one that is not here has no certain place.
"""

from __future__ import annotations

from collections.abc import Mapping

from lesionlab.sources.vocabulary import HAM_SITES

_MELANOMA = "Malignant melanocytic proliferations (Melanoma)"
_VASCULAR = "Benign soft tissue proliferations - Vascular"
_SCC = "Squamous cell carcinoma, NOS"
_IN_SITU = "Squamous cell carcinoma in situ"
_KERATOSIS = "Pigmented benign keratosis"
_ACTINIC = "Solar or actinic keratosis"
_INFLAMED = "Inflammatory or infectious diseases"

MALIGNANT_OF_MARK = {"0": "benign", "0.0": "benign", "1": "malignant", "1.0": "malignant",
                     "false": "benign", "true": "malignant"}
"""The Archive's `benign_malignant` of a mark."""

FITZPATRICK_TYPES = {f"{number}{tail}": word for tail in ("", ".0") for number, word in
                     {-1: "", 1: "I", 2: "II", 3: "III", 4: "IV", 5: "V", 6: "VI"}.items()}
"""The Archive's `fitzpatrick_skin_type` of a number; -1 is unknown."""

ISIC2017 = {"melanoma": "Melanoma, NOS", "nevus": "Nevus",
            "seborrheic_keratosis": "Seborrheic keratosis"}

ISIC2019 = {"mel": "Melanoma, NOS", "nv": "Nevus", "bcc": "Basal cell carcinoma", "ak": _ACTINIC,
            "bkl": _KERATOSIS, "df": "Dermatofibroma", "vasc": _VASCULAR, "scc": _SCC}
"""BKL as the Archive files HAM10000's: it is any of four keratoses."""

MILK10K = {"bcc": "Basal cell carcinoma", "ben_oth": "Benign",
           "bkl": "Benign epidermal proliferations", "df": "Dermatofibroma", "inf": _INFLAMED,
           "mal_oth": "Malignant", "mel": _MELANOMA, "nv": "Nevus",
           "sccka": "Malignant epidermal proliferations", "vasc": "Benign"}
"""Where no finer diagnosis is given; AKIEC is indeterminate or malignant."""

MILK10K_MALIGNANT = {"akiec": None} | {
    name: "malignant" if name in ("bcc", "mal_oth", "mel", "sccka") else "benign"
    for name in MILK10K}

PAD_UFES_20 = {"bcc": "Basal cell carcinoma", "scc": _SCC, "mel": "Melanoma, NOS",
               "ack": _ACTINIC, "sek": "Seborrheic keratosis", "nev": "Nevus"}
"""SCC holds Bowen's disease too, so it is no finer than this."""

PH2 = {"0": ("Common nevus", "Nevus"),
       "1": ("Atypical nevus", "Nevus, Atypical, Dysplastic, or Clark"),
       "2": ("Melanoma", "Melanoma, NOS")}
"""Name and diagnosis of each code of the clinical diagnosis."""

DERM7PT = {
    "basal cell carcinoma": "Basal cell carcinoma",
    "blue nevus": "Blue nevus",
    "clark nevus": "Nevus, Clark",
    "combined nevus": "Nevus, Combined",
    "congenital nevus": "Nevus, Congenital",
    "dermal nevus": "Nevus, NOS, Dermal",
    "dermatofibroma": "Dermatofibroma",
    "lentigo": "Lentigo NOS",
    "melanoma": "Melanoma, NOS",
    "melanoma (0.76 to 1.5 mm)": "Melanoma Invasive",
    "melanoma (in situ)": "Melanoma in situ",
    "melanoma (less than 0.76 mm)": "Melanoma Invasive",
    "melanoma (more than 1.5 mm)": "Melanoma Invasive",
    "melanoma metastasis": "Melanoma metastasis",
    "melanosis": "Benign",
    "recurrent nevus": "Nevus, Recurrent or persistent",
    "reed or spitz nevus": "Nevus",
    "seborrheic keratosis": "Seborrheic keratosis",
    "vascular lesion": _VASCULAR,
}
"""Melanosis is benign and of no one place; "miscellaneous" may be anything."""

FITZPATRICK17K = {
    "actinic keratosis": _ACTINIC,
    "basal cell carcinoma": "Basal cell carcinoma",
    "basal cell carcinoma morpheiform": "Basal cell carcinoma, Sclerosing or morpheaform",
    "congenital nevus": "Nevus, Congenital",
    "dermatofibroma": "Dermatofibroma",
    "epidermal nevus": "Epidermal nevus",
    "halo nevus": "Nevus, Halo",
    "kaposi sarcoma": "Kaposi sarcoma",
    "lentigo maligna": "Melanoma in situ, Lentigo maligna type",
    "malignant melanoma": "Melanoma, NOS",
    "melanoma": "Melanoma, NOS",
    "mycosis fungoides": "Mycosis fungoides",
    "nevocytic nevus": "Nevus",
    "pilomatricoma": "Pilomatricoma",
    "pyogenic granuloma": "Pyogenic granuloma",
    "seborrheic keratosis": "Seborrheic keratosis",
    "solid cystic basal cell carcinoma": "Basal cell carcinoma",
    "squamous cell carcinoma": _SCC,
    "superficial spreading melanoma ssm": "Melanoma, NOS",
    "syringoma": "Syringoma",
}

DDI = {
    "acrochordon": "Fibroepithelial polyp",
    "actinic-keratosis": _ACTINIC,
    "angioleiomyoma": "Angioleiomyoma",
    "basal-cell-carcinoma": "Basal cell carcinoma",
    "basal-cell-carcinoma-nodular": "Basal cell carcinoma, Nodular",
    "basal-cell-carcinoma-superficial": "Basal cell carcinoma, Superficial",
    "blue-nevus": "Blue nevus",
    "clear-cell-acanthoma": "Clear cell acanthoma",
    "dermatofibroma": "Dermatofibroma",
    "dysplastic-nevus": "Nevus, Dysplastic",
    "epidermal-cyst": "Infundibular or epidermal cyst",
    "epidermal-nevus": "Epidermal nevus",
    "foreign-body-granuloma": "Foreign body granuloma",
    "kaposi-sarcoma": "Kaposi sarcoma",
    "lichenoid-keratosis": "Lichen planus like keratosis",
    "lipoma": "Lipoma",
    "melanocytic-nevi": "Nevus",
    "melanoma": "Melanoma, NOS",
    "melanoma-acral-lentiginous": _MELANOMA,
    "melanoma-in-situ": "Melanoma in situ",
    "molluscum-contagiosum": "Molluscum",
    "mycosis-fungoides": "Mycosis fungoides",
    "neurofibroma": "Neurofibroma",
    "nodular-melanoma-(nm)": _MELANOMA,
    "pigmented-spindle-cell-nevus-of-reed": "Nevus, Reed",
    "pyogenic-granuloma": "Pyogenic granuloma",
    "scar": "Scar",
    "sebaceous-carcinoma": "Sebaceous carcinoma",
    "seborrheic-keratosis": "Seborrheic keratosis",
    "seborrheic-keratosis-irritated": "Seborrheic keratosis",
    "solar-lentigo": "Solar lentigo",
    "squamous-cell-carcinoma": _SCC,
    "squamous-cell-carcinoma-in-situ": _IN_SITU,
    "squamous-cell-carcinoma-keratoacanthoma":
        "Squamous cell carcinoma, Invasive, Keratoacanthoma-type",
    "subcutaneous-t-cell-lymphoma": "Subcutaneous panniculitis-like T-cell lymphoma",
    "syringocystadenoma-papilliferum": "Syringocystadenoma papilliferum",
    "verruca-vulgaris": "Verruca",
    "wart": "Verruca",
}

Words = Mapping[str, str | None]


def _name_sites(sites: Mapping[str, tuple[str, str]]) -> dict[str, Words]:
    """The words of the two columns of a site, from its place and its special place."""
    return {"anatom_site": {word: site or None for word, (site, _) in sites.items()},
            "anatom_site_special": {word: special or None for word, (_, special) in sites.items()}}


MILK10K_SITES = _name_sites(
    {name: HAM_SITES[name] for name in ("foot", "genital", "hand", "trunk")}
    | {"head_neck_face": ("Head and neck", ""), "lower_extremity": ("Lower extremity", ""),
       "upper_extremity": ("Upper extremity", "")})

PAD_UFES_20_SITES = _name_sites(
    {name: HAM_SITES[name] for name in
     ("abdomen", "back", "chest", "ear", "face", "foot", "hand", "neck", "scalp")}
    | {"arm": ("Upper extremity", ""), "forearm": ("Upper extremity:Forearm", ""),
       "lip": ("Head and neck:Head:Face:Oral region:Lip", ""),
       "nose": ("Head and neck:Head:Face:Nose", ""), "thigh": ("Lower extremity:Thigh", "")})

DERM7PT_SITES = _name_sites(
    {name: HAM_SITES[name] for name in ("abdomen", "back", "chest")}
    | {"acral": ("", "acral NOS"), "buttocks": ("Lower extremity:Buttock", ""),
       "genital areas": HAM_SITES["genital"], "head neck": ("Head and neck", ""),
       "lower limbs": ("Lower extremity", ""), "upper limbs": ("Upper extremity", "")})
