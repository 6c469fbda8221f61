"""Every error that lesionlab raises on purpose.

LesionLabError
├── InputError (ValueError)          a file, table, setting or argument that the user gave is wrong
│   ├── SourceError                  a folder or table cannot be read as a cohort
│   ├── CohortError                  rows break a law of the cohort
│   ├── SplitError                   a split lets a group straddle roles, or misses images
│   ├── PredictionsError             a predictions table is no table of probabilities
│   └── RecipeError                  a recipe or a --set that does not exist or is out of range
├── DecodeError (ValueError)         bytes that are not a usable image; carries a stable reason
├── StoreError (OSError)             a prepared folder is missing, damaged or of another version
├── BundleError (OSError)            a bundle is missing, damaged or of another version
├── ArchiveError (OSError)           the ISIC Archive cannot be reached, or its answer is no answer
├── ExecutorError (RuntimeError)     a cluster cannot be reached, or lost its workers too often
├── RemoteError (ConnectionError)    what is behind a URL cannot be reached
├── WeightsError (LookupError)       weights that were asked for are not on this machine
└── MissingExtraError (ImportError)  an optional dependency is not installed
"""


class LesionLabError(Exception):
    """Root of all errors whose message is meant for the user."""


class InputError(LesionLabError, ValueError):
    """Something that the user gave is wrong."""


class SourceError(InputError):
    """A folder or table cannot be read as a cohort."""


class CohortError(InputError):
    """Rows break a law of the cohort."""


class SplitError(InputError):
    """A split lets a group straddle roles, or does not cover the cohort."""


class PredictionsError(InputError):
    """A predictions table is not a table of probabilities, or cannot be joined by id."""


class RecipeError(InputError):
    """A recipe or one of its settings does not exist or is out of range."""


class DecodeError(LesionLabError, ValueError):
    """Bytes that are not a usable image.

    Attributes:
        reason: stable short code, such as `truncated`; counted in manifests.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        # Crosses process boundaries: the default would call __init__ with the message alone.
        return type(self), (self.reason, str(self))


class StoreError(LesionLabError, OSError):
    """A prepared folder is missing, damaged or of another version."""


class BundleError(LesionLabError, OSError):
    """A bundle is missing, damaged or of another version."""


class ArchiveError(LesionLabError, OSError):
    """The ISIC Archive cannot be reached, or answers what it should not."""


class ExecutorError(LesionLabError, RuntimeError):
    """A cluster cannot be reached, or lost its workers too often."""


class RemoteError(LesionLabError, ConnectionError):
    """What is behind a URL cannot be reached."""


class WeightsError(LesionLabError, LookupError):
    """Weights that were asked for are not on this machine."""


class MissingExtraError(LesionLabError, ImportError):
    """An optional dependency is not installed."""
