"""Body sites as DICOM writes them, each with its place in ISIC's hierarchy."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

_FACE = "Head and neck:Head:Face"
_EAR = "Head and neck:Head:Ear"
_EYE = f"{_FACE}:Orbital region"
_SCALP = "Head and neck:Head:Scalp"
_NECK = "Head and neck:Neck"
_CHEST = "Trunk:Anterior trunk:Anterior chest"
_BREAST = f"{_CHEST}:Breast"
_ABDOMEN = "Trunk:Anterior trunk:Anterior abdomen"
_BACK = "Trunk:Posterior trunk"
_ARM = "Upper extremity"
_HAND = "Upper extremity:Hand"
_FINGERS = f"{_HAND}:Fingers and thumb"
_LEG = "Lower extremity"
_FOOT = "Lower extremity:Foot"
_TOES = f"{_FOOT}:Toes"
_GENITAL = "Anogenital region:Genital region"
_VULVA = f"{_GENITAL}:Vulva"

DERMATOLOGY_SITES = {
    "Head and neck:Head": "SkinOfHead",
    _SCALP: "SkinOfScalp Hair",
    f"{_SCALP}:Occipital scalp": "SkinOfOccipitalRegion",
    f"{_SCALP}:Parietal scalp": "SkinOfParietalRegion",
    f"{_SCALP}:Vertex of scalp": "SkinOfVertexOfScalp",
    _EAR: "SkinOfEar SkinOfPreauricularRegion SkinOfPostauricularRegion",
    f"{_EAR}:External auditory canal": "SkinOfExternalAuditoryCanal",
    f"{_EAR}:Pinna": "SkinOfAntitragus SkinOfEarLobule SkinOfIntertragalIncisure SkinOfTragus "
                     "SkinOfInferiorPosteriorSurfaceOfThePinna SkinOfPosteriorLobuleOfTheEar "
                     "SkinOfSuperiorPosteriorSurfaceOfThePinna",
    f"{_EAR}:Pinna:Helix of pinna": "SkinOfAnteriorHelixOfEar SkinOfCrusOfHelix SkinOfHelixOfEar "
                                    "SkinOfInferiorHelixOfEar SkinOfPosteriorHelixOfEar "
                                    "SkinOfSuperiorPosteriorHelixOfEar",
    f"{_EAR}:Pinna:Antihelix of pinna": "SkinOfLowerAntihelixOfEar SkinOfSuperiorAntihelixOfEar "
                                        "SkinOfUpperAntihelixOfEar",
    f"{_EAR}:Pinna:Concha": "SkinOfCavityOfConcha",
    _FACE: "SkinOfFace SkinOfJawline",
    f"{_FACE}:Forehead": "SkinOfForehead SkinOfEyebrow",
    f"{_FACE}:Temple": "SkinOfTemporalRegion",
    _EYE: "SkinOfEyeRegion SkinOfCaruncleOfEye SkinOfLateralCanthus SkinOfMedialCanthus Retina",
    f"{_EYE}:Eyelid": "Eyelash SkinOfLowerEyelid SkinOfLowerEyelidMargin SkinOfUpperEyelid "
                      "SkinOfUpperEyelidMargin",
    f"{_EYE}:Cornea": "Cornea",
    f"{_EYE}:Iris": "Iris",
    f"{_EYE}:Sclera": "Sclera",
    f"{_FACE}:Cheek": "SkinOfCheek",
    f"{_FACE}:Cheek:Perinasal region": "SkinOfParanasalCheek",
    f"{_FACE}:Nose": "SkinOfNose SkinOfInfraalarGroove",
    f"{_FACE}:Nose:Ala nasi": "SkinOfAlaNasi",
    f"{_FACE}:Nose:Dorsum of nose": "SkinOfDorsumOfNose",
    f"{_FACE}:Nose:Lateral side wall of nose": "SkinOfSideOfNose",
    f"{_FACE}:Nose:Tip of nose": "SkinOfTipOfNose",
    f"{_FACE}:Oral region:Perioral region": "SkinOfPerioralRegionOfFace",
    f"{_FACE}:Oral region:Nasolabial fold": "SkinOfNasolabialFold",
    f"{_FACE}:Oral region:Lip": "SkinOfLip",
    f"{_FACE}:Oral region:Upper lip": "SkinOfUpperLip SkinOfPhiltrum "
                                      "SkinOfVermilionProperOfUpperLip",
    f"{_FACE}:Oral region:Lower lip": "SkinOfLowerLip SkinOfVermilionProperOfLowerLip",
    f"{_FACE}:Mouth": "Tooth",
    f"{_FACE}:Mouth:Oral mucosa": "OralMucosa MucosaOfLowerLip MucosaOfUpperLip",
    f"{_FACE}:Mouth:Floor of mouth": "MucosaOfFloorOfMouth",
    f"{_FACE}:Mouth:Gingiva": "MucosaOfMandibularGingiva MucosaOfMaxillaryGingiva",
    f"{_FACE}:Mouth:Oropharynx": "MucosaOfPharynx MucosaOfPosteriorWallOfOropharynx",
    f"{_FACE}:Mouth:Palate": "MucosaOfOralSegmentOfHardPalate MucosaOfUvula",
    f"{_FACE}:Mouth:Tonsillar region": "MucosaOfPalatoglossalArch",
    f"{_FACE}:Mouth:Tongue": "MucosaOfTongue MucosaOfTipOfTongue MucosaOfDorsumOfOralPartOfTongue "
                             "MucosaOfDorsumOfPharyngealPartOfTongue",
    f"{_FACE}:Chin": "SkinOfChin SkinOfSubmentalArea",
    _NECK: "SkinOfNeck",
    f"{_NECK}:Front of neck": "AnteriorTriangleOfNeck SkinOfAnteriorPortionOfNeck "
                              "SubmandibularTriangle",
    f"{_NECK}:Nape of neck": "SkinOfNuchalRegion SkinOfParaspinalAreaOfTheNeck",
    f"{_NECK}:Side of neck": "SkinOfLateralPortionOfNeck",
    f"{_NECK}:Supraclavicular region": "SkinOfSupraclavicularRegionOfNeck",
    "Trunk": "SkinOfUpperTrunk",
    "Trunk:Anterior trunk": "SkinOfAnteriorTrunk",
    _CHEST: "SkinOfAnteriorSurfaceOfThorax",
    f"{_CHEST}:Lower anterior chest": "SkinOfLowerChestWall",
    f"{_CHEST}:Upper anterior chest:Infraclavicular region": "SkinOfInfraclavicularRegion",
    f"{_CHEST}:Upper anterior chest:Presternal region": "SternalSkin",
    f"{_BREAST}:Areola": "SkinOfAreola",
    f"{_BREAST}:Nipple": "SkinOfNipple",
    f"{_BREAST}:Lower inner quadrant of breast": "SkinOfLowerInnerQuadrantOfBreast",
    f"{_BREAST}:Lower outer quadrant of breast": "SkinOfLowerOuterQuadrantOfBreast",
    f"{_BREAST}:Upper inner quadrant of breast": "SkinOfUpperInnerQuadrantOfBreast",
    f"{_BREAST}:Upper outer quadrant of breast": "SkinOfUpperOuterQuadrantOfLeftBreast",
    _ABDOMEN: "SkinOfAbdomen",
    f"{_ABDOMEN}:Upper anterior abdomen": "SkinOfUpperAbdomen SkinOfEpigastricArea",
    f"{_ABDOMEN}:Lower anterior abdomen": "SkinOfLowerAbdomen",
    f"{_ABDOMEN}:Lower anterior abdomen:Hypogastric region": "SkinOfHypogastricRegion",
    f"{_ABDOMEN}:Lower anterior abdomen:Inguinal region": "SkinOfInguinalRegion",
    f"{_ABDOMEN}:Periumbilical region:Umbilicus": "SkinOfUmbilicus",
    "Trunk:Lateral trunk:Axilla": "SkinOfAxilla",
    _BACK: "SkinOfBack SkinOfBackOfTrunk",
    f"{_BACK}:Upper back": "SkinOfBackOfUpperThoracicRegion SkinOfPosteriorSurfaceOfThorax",
    f"{_BACK}:Upper back:Paraspinal upper back": "SkinOfParaspinalAreaOfTheSuperiorBack "
                                                 "SkinOfUpperParaspinalRegion",
    f"{_BACK}:Mid back": "SkinOfMidBack",
    f"{_BACK}:Mid back:Paraspinal mid back": "SkinOfMidParaspinalRegion",
    f"{_BACK}:Lower back": "SkinOfLowerBack",
    f"{_BACK}:Lower back:Paraspinal lower back": "SkinOfLowerParaspinalRegion",
    _ARM: "SkinOfUpperExtremity",
    f"{_ARM}:Upper arm:Anterior upper arm": "SkinOfAnteriorSurfaceOfUpperArm",
    f"{_ARM}:Upper arm:Posterior upper arm": "SkinOfPosteriorSurfaceOfUpperArm",
    f"{_ARM}:Elbow:Antecubital fossa": "SkinOfAntecubitalFossa",
    f"{_ARM}:Elbow:Elbow tip": "SkinOfPosteriorSurfaceOfElbow",
    f"{_ARM}:Forearm:Volar forearm": "SkinOfAnteriorSurfaceOfForearm",
    f"{_ARM}:Forearm:Dorsal forearm": "SkinOfPosteriorSurfaceOfForearm",
    f"{_ARM}:Wrist:Dorsal wrist": "SkinOfDorsalAreaOfWrist",
    f"{_ARM}:Wrist:Volar wrist": "SkinOfPalmarAreaOfWrist",
    _HAND: "SkinOfHand",
    f"{_HAND}:Dorsum of hand": "SkinOfPartOfDorsalSurfaceOfHand",
    f"{_HAND}:Palm of hand": "SkinOfPalmOfHand",
    f"{_HAND}:Palm of hand:Hypothenar eminence": "SkinOfHypothenarRegionOfPalm",
    f"{_HAND}:Palm of hand:Thenar eminence": "SkinOfThenarRegionOfPalm",
    _FINGERS: "SkinOfDigitOfHand NailUnitOfFinger",
    **{f"{_FINGERS}:{finger}": f"SkinOfDorsalPartOf{name} SkinOfPalmarPartOf{name} NailUnitOf{name}"
       for finger, name in (("Thumb", "Thumb"), ("Index finger", "IndexFinger"),
                            ("Middle finger", "MiddleFinger"), ("Ring finger", "RingFinger"),
                            ("Little finger", "LittleFinger"))},
    _LEG: "SkinOfLowerExtremity",
    f"{_LEG}:Buttock": "SkinOfButtock",
    f"{_LEG}:Buttock:Gluteal fold": "SkinOfGlutealFold",
    f"{_LEG}:Thigh:Anterior thigh": "SkinOfAnteriorSurfaceOfThigh",
    f"{_LEG}:Thigh:Medial thigh": "SkinOfMedialSurfaceOfThigh",
    f"{_LEG}:Thigh:Posterior thigh": "SkinOfPosteriorSurfaceOfThigh",
    f"{_LEG}:Knee:Patellar region": "SkinOfAnteriorSurfaceOfKnee",
    f"{_LEG}:Knee:Popliteal fossa": "SkinOfPoplitealFossa",
    f"{_LEG}:Lower leg:Shin": "SkinOfAnteriorSurfaceOfLowerLeg",
    f"{_LEG}:Lower leg:Calf": "SkinOfPosteriorSurfaceOfLowerLeg",
    f"{_LEG}:Ankle:Lateral ankle": "SkinOfLateralAspectOfAnkle",
    f"{_LEG}:Ankle:Medial ankle": "SkinOfMedialAspectOfAnkle",
    _FOOT: "SkinOfFoot",
    f"{_FOOT}:Dorsum of foot": "SkinOfLateralPartOfDorsumOfFoot SkinOfMedialPartOfDorsumOfFoot",
    f"{_FOOT}:Sole of foot:Plantar surface of forefoot": "SkinOfSoleOfForefoot",
    f"{_FOOT}:Sole of foot:Lateral plantar region": "SkinOfLateralBorderOfSoleOfFoot",
    f"{_FOOT}:Sole of foot:Medial surface of sole of foot": "SkinOfMedialBorderOfSoleOfFoot",
    f"{_FOOT}:Sole of foot:Heel": "SkinOfHeel SkinOfLateralPartOfHeel SkinOfMedialPartOfHeel",
    _TOES: "SkinOfToe NailUnitOfToe",
    **{f"{_TOES}:{name} toe": f"SkinOfDorsalPartOf{name}Toe SkinOfPlantarPartOf{name}Toe "
                              f"NailUnitOf{name}Toe"
       for name in ("Great", "Second", "Third", "Fourth", "Fifth")},
    "Anogenital region:Perianal region:Anus": "SkinOfAnus",
    "Anogenital region:Perianal region:Perineum": "SkinOfPerineum",
    _GENITAL: "SkinOfExternalGenitalia MaleExternalUrethralOrifice FemaleExternalUrethralOrifice",
    _VULVA: "SkinOfLabium PosteriorCommissureOfLabiumMajorum",
    f"{_VULVA}:Clitoris": "SkinOfClitoris SkinOfPrepuceOfClitoris",
    f"{_VULVA}:Frenulum of labia minora": "FrenulumOfLabiaMinora",
    f"{_VULVA}:Labium majus": "SkinOfLabiumMajus",
    f"{_VULVA}:Labium minus": "SkinOfLabiumMinus",
    f"{_VULVA}:Vulval vestibule": "VulvalVestibule",
    f"{_GENITAL}:Vagina:Vaginal introitus": "VaginalIntroitus",
    f"{_GENITAL}:Penis": "SkinOfPenis SkinOfRootOfPenis SkinOfShaftOfPenis",
    f"{_GENITAL}:Penis:Glans penis": "SkinOfGlansPenis",
    f"{_GENITAL}:Scrotum": "SkinOfScrotum",
    f"{_GENITAL}:Perigenital region:Inguinocrural fold": "GroinSkinCrease",
}
"""Each site with the terms of DICOM's context group for dermatology (PS3.16, CID 4029)."""

REGIONS = {
    "Head and neck": "HeadAndNeck",
    "Head and neck:Head": "Head",
    _SCALP: "Scalp",
    _EAR: "Ear ExternalEar",
    _FACE: "Face",
    f"{_EYE}:Eyelid": "Eyelid",
    f"{_FACE}:Cheek": "Cheek",
    f"{_FACE}:Nose": "Nose",
    f"{_FACE}:Oral region:Lip": "Lip",
    f"{_FACE}:Mouth": "Mouth",
    f"{_FACE}:Mouth:Tongue": "Tongue",
    _NECK: "Neck",
    "Trunk": "Trunk",
    _CHEST: "Chest",
    f"{_CHEST}:Upper anterior chest:Clavicle": "Clavicle",
    _BREAST: "Breast",
    _ABDOMEN: "Abdomen",
    "Trunk:Lateral trunk:Axilla": "Axilla",
    _BACK: "Back",
    _ARM: "UpperLimb",
    f"{_ARM}:Shoulder": "Shoulder",
    f"{_ARM}:Upper arm": "UpperArm",
    f"{_ARM}:Forearm": "Forearm",
    _HAND: "Hand",
    _FINGERS: "Finger",
    f"{_FINGERS}:Thumb": "Thumb",
    _LEG: "LowerLimb",
    f"{_LEG}:Buttock": "Buttock",
    f"{_LEG}:Thigh": "Thigh",
    f"{_LEG}:Thigh:Lateral thigh:Hip": "Hip",
    f"{_LEG}:Knee": "Knee",
    f"{_LEG}:Lower leg": "LowerLeg",
    _FOOT: "Foot",
    _TOES: "Toe",
    "Anogenital region:Perianal region:Anus": "Anus",
    "Anogenital region:Perianal region:Perineum": "Perineum",
    f"{_GENITAL}:Penis": "Penis",
    f"{_GENITAL}:Scrotum": "Scrotum",
    _VULVA: "Vulva",
}
"""Each site with the SNOMED terms of parts of the body, by pydicom's names of them."""

BODY_PARTS = {
    **{name.upper(): site for site, names in REGIONS.items() for name in names.split()},
    "ANKLE": f"{_LEG}:Ankle", "ANTERIORTORSO": "Trunk:Anterior trunk", "ARM": _ARM,
    "CALF": f"{_LEG}:Lower leg:Calf", "CHIN": f"{_FACE}:Chin", "ELBOW": f"{_ARM}:Elbow",
    "FOREHEAD": f"{_FACE}:Forehead", "GENITALIA": _GENITAL,
    "HEADNECK": "Head and neck", "HEEL": f"{_FOOT}:Sole of foot:Heel",
    "LATERALTORSO": "Trunk:Lateral trunk", "LEG": _LEG, "LOWEREXTREMITY": _LEG,
    "PALM": f"{_HAND}:Palm of hand", "POSTERIORTORSO": _BACK, "SOLE": f"{_FOOT}:Sole of foot",
    "THORAX": _CHEST, "TORSO": "Trunk",
    "UMBILICUS": f"{_ABDOMEN}:Periumbilical region:Umbilicus", "UPPEREXTREMITY": _ARM,
    "WRIST": f"{_ARM}:Wrist",
}
"""The site of `BodyPartExamined`, of the standard (PS3.16, annex L) or as ISIC 2020 wrote it."""

_SPECIAL_PARTS = {"PALMSSOLES": "acral palms or soles", "ORALGENITAL": "oral or genital"}
_SPECIAL_SITES = {_HAND: "acral NOS", _FOOT: "acral NOS"}
_SPECIAL_BRANCHES = {
    f"{_HAND}:Palm of hand": "acral palms or soles",
    f"{_FOOT}:Sole of foot": "acral palms or soles",
    _GENITAL: "oral or genital",
    f"{_FACE}:Mouth": "oral or genital"}


def find_site(part: str, codes: Iterable[str]) -> tuple[str, str]:
    """`anatom_site` and `anatom_site_special`; the empty text where one is not known.

    >>> find_site("UPPER EXTREMITY", [])
    ('Upper extremity', '')

    Args:
        part: `BodyPartExamined`.
        codes: code values of `AnatomicRegionSequence`, of which the first that is known leads.
    """
    sites = _sites_by_code()
    for code in codes:
        if code in sites:
            return sites[code]
    term = "".join(filter(str.isalpha, part.upper()))
    site = BODY_PARTS.get(term, "")
    return site, _SPECIAL_PARTS.get(term) or _find_special(site)


@cache
def _sites_by_code() -> dict[str, tuple[str, str]]:
    from pydicom.sr.codedict import codes

    found = {}
    for terms, table in ((codes.SCT, REGIONS), (codes.cid4029, DERMATOLOGY_SITES)):
        for site, names in table.items():
            for name in names.split():
                found[getattr(terms, name).value] = site, _find_special(site, name)
    return found


def _find_special(site: str, name: str = "") -> str:
    if name.startswith("NailUnit"):
        return "fingernail" if site.startswith(_HAND) else "toenail"
    branches = [special for branch, special in _SPECIAL_BRANCHES.items()
                if site == branch or site.startswith(f"{branch}:")]
    return branches[0] if branches else _SPECIAL_SITES.get(site, "")
