"""Older terms of the field, each with its place in the schema's hierarchies."""

_MELANOCYTIC = "Benign:Benign melanocytic proliferations"
_EPIDERMAL = "Benign:Benign epidermal proliferations"
_FIBROUS = "Benign:Benign soft tissue proliferations - Fibro-histiocytic"
_VASCULAR = "Benign:Benign soft tissue proliferations - Vascular"
_SEBACEOUS = "Benign:Benign adnexal epithelial proliferations - Sebaceous"
_FLAT = "Benign:Flat melanotic pigmentations - not melanocytic nevus"
_UNCERTAIN = "Indeterminate:Indeterminate melanocytic proliferations"
_MELANOMA = "Malignant:Malignant melanocytic proliferations (Melanoma)"
_BCC = "Malignant:Malignant adnexal epithelial proliferations - Follicular:Basal cell carcinoma"

DIAGNOSES = {
    "acrochordon": f"{_FIBROUS}:Fibroepithelial polyp",
    "actinic keratosis":
        "Indeterminate:Indeterminate epidermal proliferations:Solar or actinic keratosis",
    "adnexal tumor": "",
    "aimp": f"{_UNCERTAIN}:Atypical intraepithelial melanocytic proliferation",
    "angiofibroma or fibrous papule": f"{_FIBROUS}:Angiofibroma",
    "angiokeratoma": f"{_VASCULAR}:Angiokeratoma",
    "angioma": f"{_VASCULAR}:Hemangioma",
    "atypical melanocytic proliferation": _UNCERTAIN,
    "atypical spitz tumor": f"{_UNCERTAIN}:Atypical Spitz tumor",
    "basal cell carcinoma": _BCC,
    "cafe-au-lait macule": f"{_FLAT}:Cafe au lait macule or patch",
    "clear cell acanthoma": f"{_EPIDERMAL}:Clear cell acanthoma",
    "dermatofibroma": f"{_FIBROUS}:Dermatofibroma",
    "ephelis": f"{_FLAT}:Ephelis",
    "epidermal nevus": f"{_EPIDERMAL}:Epidermal nevus",
    "lentigo nos": f"{_FLAT}:Lentigo NOS",
    "lentigo simplex": f"{_MELANOCYTIC}:Lentigo simplex",
    "lichenoid keratosis": f"{_EPIDERMAL}:Lichen planus like keratosis",
    "melanoma": f"{_MELANOMA}:Melanoma, NOS",
    "melanoma metastasis": f"{_MELANOMA}:Melanoma metastasis",
    "merkel cell carcinoma": "Malignant:Merkel cell proliferation:Merkel cell carcinoma",
    "mucosal melanosis": f"{_FLAT}:Mucosal melanotic macule",
    "neurofibroma": "Benign:Benign soft tissue proliferations - Neural:Neurofibroma",
    "nevus": f"{_MELANOCYTIC}:Nevus",
    "nevus spilus": f"{_MELANOCYTIC}:Nevus:Nevus, Spilus",
    "other": "",
    "pigmented benign keratosis": f"{_EPIDERMAL}:Pigmented benign keratosis",
    "pyogenic granuloma": f"{_VASCULAR}:Pyogenic granuloma",
    "scar": f"{_FIBROUS}:Scar",
    "sebaceous adenoma": f"{_SEBACEOUS}:Sebaceous adenoma",
    "sebaceous hyperplasia": f"{_SEBACEOUS}:Sebaceous hyperplasia",
    "seborrheic keratosis": f"{_EPIDERMAL}:Seborrheic keratosis",
    "solar lentigo": f"{_EPIDERMAL}:Solar lentigo",
    "squamous cell carcinoma":
        "Malignant:Malignant epidermal proliferations:Squamous cell carcinoma, NOS",
    "vascular lesion": _VASCULAR,
    "verruca": "Benign:Inflammatory or infectious diseases:Verruca",
}
"""The Archive's `diagnosis` before the hierarchy, in lower case; empty where it is ambiguous."""

MALIGNANCIES = {
    "benign": "Benign",
    "malignant": "Malignant",
    "indeterminate": "Indeterminate",
    "indeterminate/benign": "Indeterminate",
    "indeterminate/malignant": "Indeterminate",
}
"""The Archive's `benign_malignant` before the hierarchy."""

GENERAL_SITES = {
    "head/neck": "Head and neck",
    "upper extremity": "Upper extremity",
    "lower extremity": "Lower extremity",
    "anterior torso": "Trunk:Anterior trunk",
    "lateral torso": "Trunk:Lateral trunk",
    "posterior torso": "Trunk:Posterior trunk",
    "torso": "Trunk",  # challenge of 2020
    "palms/soles": "",
    "oral/genital": "",
}
"""`anatom_site_general` as a place in the site hierarchy; empty where it names no single one."""

SPECIAL_SITES = {"palms/soles": "acral palms or soles", "oral/genital": "oral or genital"}
"""`anatom_site_general` as `anatom_site_special`, for those terms that mean one."""

HAM_DIAGNOSES = {
    # Actinic keratosis (indeterminate) or squamous cell carcinoma in situ (malignant).
    "akiec": "",
    "bcc": _BCC,
    "bkl": f"{_EPIDERMAL}:Pigmented benign keratosis",
    "df": f"{_FIBROUS}:Dermatofibroma",
    "mel": f"{_MELANOMA}:Melanoma, NOS",
    "nv": f"{_MELANOCYTIC}:Nevus",
    "vasc": _VASCULAR,
}
"""HAM10000's `dx` as the Archive files it; empty where it is ambiguous."""

HAM_CONFIRMATIONS = {
    "histo": "histopathology",
    "follow_up": "serial imaging showing no change",
    "consensus": "single image expert consensus",
    "confocal": "confocal microscopy with consensus dermoscopy",
}
"""HAM10000's `dx_type` as the Archive's `diagnosis_confirm_type`."""

HAM_SITES = {
    "abdomen": ("Trunk:Anterior trunk:Anterior abdomen", ""),
    "acral": ("", "acral palms or soles"),
    "back": ("Trunk:Posterior trunk", ""),
    "chest": ("Trunk:Anterior trunk:Anterior chest", ""),
    "ear": ("Head and neck:Head:Ear", ""),
    "face": ("Head and neck:Head:Face", ""),
    "foot": ("Lower extremity:Foot", "acral NOS"),
    "genital": ("Anogenital region:Genital region", "oral or genital"),
    "hand": ("Upper extremity:Hand", "acral NOS"),
    "lower extremity": ("Lower extremity", ""),
    "neck": ("Head and neck:Neck", ""),
    "scalp": ("Head and neck:Head:Scalp", ""),
    "trunk": ("Trunk", ""),
    "upper extremity": ("Upper extremity", ""),
}
"""HAM10000's `localization` as the Archive files it: site and special site."""
