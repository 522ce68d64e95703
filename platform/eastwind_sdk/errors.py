"""The exception tree of the SDK; the package's docstring draws it."""


class SdkError(Exception):
    """Anything that goes wrong in this package."""


class OutsideRequest(SdkError):
    """There is no customer's request under way."""


class Malformed(SdkError, ValueError):
    """A name, path or value that the contract does not allow."""


class NotRunning(SdkError):
    """A setting that the platform gives an experiment at its start is missing."""


class BackofficeError(SdkError):
    """The back office gave no useful answer."""


class BackofficeNotFound(BackofficeError):
    """The back office knows no such thing."""


class BackofficeTimeout(BackofficeError):
    """The back office was not done in time."""


class BackofficeUnavailable(BackofficeError):
    """The back office refused the connection, failed, or answered something that is not a JSON object."""
