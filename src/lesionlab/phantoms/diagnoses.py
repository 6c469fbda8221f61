"""What the lesions of a phantom are, in the terms of the ISIC Archive."""

from lesionlab.phantoms.looks import Look

_MELANOMA = "Malignant:Malignant melanocytic proliferations (Melanoma):"
_EPIDERMAL = "Malignant:Malignant epidermal proliferations:"
_ADNEXAL = "Malignant:Malignant adnexal epithelial proliferations - Follicular:"
_ACTINIC = "Indeterminate:Indeterminate epidermal proliferations:Solar or actinic keratosis"
_ATYPICAL = (
    "Indeterminate:Indeterminate melanocytic proliferations:"
    "Atypical intraepithelial melanocytic proliferation"
)
_SOFT_TISSUE = "Benign:Benign soft tissue proliferations - "

DIAGNOSES: dict[Look, dict[str, tuple[str, ...]]] = {
    "melanocytic": {
        "Benign": ("Benign:Benign melanocytic proliferations:Nevus",),
        "Malignant": tuple(
            _MELANOMA + name for name in ("Melanoma Invasive", "Melanoma in situ", "Melanoma, NOS")
        ),
        "Indeterminate": (_ATYPICAL,),
    },
    "keratotic": {
        "Benign": (
            "Benign:Benign epidermal proliferations:Seborrheic keratosis",
            "Benign:Benign epidermal proliferations:Pigmented benign keratosis",
        ),
        "Malignant": (
            _EPIDERMAL + "Squamous cell carcinoma in situ",
            _EPIDERMAL + "Squamous cell carcinoma, Invasive",
        ),
        "Indeterminate": (_ACTINIC,),
    },
    "translucent": {
        "Benign": (_SOFT_TISSUE + "Fibro-histiocytic:Dermatofibroma",),
        "Malignant": (_ADNEXAL + "Basal cell carcinoma",),
    },
    "vascular": {
        "Benign": (_SOFT_TISSUE + "Vascular:Hemangioma",),
        "Malignant": (_MELANOMA + "Melanoma metastasis",),
    },
}
"""Hierarchical terms of the ISIC Archive by look and malignancy.

Malignancy is as frequent in every look: the look alone tells nothing of it, so that an image
signal of 0 leaves nothing to learn.
"""

LABEL_COLUMNS = (
    "concomitant_biopsy",
    "diagnosis_1",
    "diagnosis_2",
    "diagnosis_3",
    "diagnosis_confirm_type",
    "melanocytic",
)
"""The diagnosis and its consequences: what a fault of the labels moves together."""
