"""The errors a user can meet. Each says what happened and what to do next.

Foreign errors are translated where they enter (a decoder, a file, the network) and keep their cause;
everything else is a bug and is left to fly.
"""


class StmaskError(Exception):
    """An expected failure: ``message`` says what happened, ``hint`` what the user can do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """One line: what happened, then what to do."""
        return f"{self.message} {self.hint}".strip()


class VideoError(StmaskError):
    """A video or image folder cannot be opened or decoded."""


class CheckpointError(StmaskError):
    """A weights file cannot be read, is not trusted, or does not fit the network."""


class FormatError(StmaskError):
    """An annotation or results file is malformed; the message names the place."""


class WriteError(StmaskError):
    """A file or folder cannot be written: the disk is full, or the place refuses it."""


class ProjectFileError(StmaskError):
    """A project file cannot be opened or written."""


class AnotherVideo(ProjectFileError):
    """A file is not the video that was annotated."""


class DocumentError(StmaskError):
    """A command would break the document's rules; nothing was changed."""


class NotInEdit(DocumentError):
    """Something tried to write to the document outside ``document.edit()``."""


class InferenceError(StmaskError):
    """The network could not run here (device missing, out of memory)."""


class MissingDependency(StmaskError):
    """An optional part is not installed; the hint names the extra to install."""
