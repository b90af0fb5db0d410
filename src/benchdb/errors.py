"""The errors that users meet.

::

    BenchdbError
    └── UserError             something a user can mend: one line, ending in what to do next
        ├── WrongSetting      a setting in pyproject.toml or an option makes no sense
        ├── NoDatabase        there is no database where it was looked for
        ├── WrongRecipe       a recipe that can't be read, or asks for what recipes are not given
        ├── UnusableChannel   a conda channel that can't be read or written
        ├── UnusableDatabase  a file that can't be read or recorded into as it stands
        │   ├── ForeignFile   no SQLite file, or one that benchdb did not make
        │   ├── DamagedFile   a SQLite file that is truncated or corrupt
        │   └── NewerSchema   written by a newer benchdb than this one
        └── UnusableHistory   a remote that can't be read or written as it stands
            ├── DamagedHistory      its manifest makes no sense
            ├── NewerHistory        written by a newer benchdb than this one
            ├── UnreachableHistory  its server doesn't answer, or only with failures
            ├── NoAccess            credentials or permissions are missing
            └── UnfitServer         its server loses updates

Only a `UserError` reaches the terminal as a message alone; anything else is a bug: it shows its
traceback, then a line that says so, and ends with 2 as every failure of our own.
"""


class BenchdbError(Exception):
    """The base of every error that benchdb raises on purpose."""


class UserError(BenchdbError):
    """Something that the user can mend.

    Parameters
    ----------
    message : str
        One line: what is wrong, then what to do next.
    other_database : bool
        Whether the line ends in naming another database: the command and pytest have different
        options for that, and each adds its own, see `with_option`.
    """

    def __init__(self, message: str, *, other_database: bool = False) -> None:
        super().__init__(message)
        self.other_database = other_database

    def with_option(self, option: str) -> str:
        """Return the message, with the option that names another database where that helps."""
        return f"{self} with {option}" if self.other_database else str(self)


def reason(error: BaseException) -> str:
    """Return why it failed, without the number and the name that `OSError` puts around that."""
    return getattr(error, "strerror", None) or str(error)


def one_line(error: BaseException) -> str:
    """Return what an error says as a part of one line, of 200 characters at most; else its kind."""
    return " ".join(str(error).split())[:200] or type(error).__name__


class WrongSetting(UserError):
    """A setting or an option has a value that makes no sense."""


class NoDatabase(UserError):
    """There is no database where it was looked for."""


class WrongRecipe(UserError):
    """A recipe can't be read, or asks for what recipes are not given."""


class UnusableChannel(UserError):
    """A conda channel can't be read or written as it stands."""


class UnusableDatabase(UserError):
    """The database can't be used as it stands; it has been left untouched."""


class ForeignFile(UnusableDatabase):
    """The file is no SQLite database, or one that benchdb did not make."""


class DamagedFile(UnusableDatabase):
    """The file is a SQLite database, but truncated or corrupt."""


class NewerSchema(UnusableDatabase):
    """The database was made by a newer benchdb than this one."""


class UnusableHistory(UserError):
    """The history can't be used as it stands; nothing in it was changed."""


class DamagedHistory(UnusableHistory):
    """The manifest of the history makes no sense."""


class NewerHistory(UnusableHistory):
    """The history was written by a newer benchdb than this one."""


class UnreachableHistory(UnusableHistory):
    """The server doesn't answer, or only with failures; what was asked of it may have been done."""


class NoAccess(UnusableHistory):
    """Credentials or permissions are missing."""


class UnfitServer(UnusableHistory):
    """The server can't write under a condition, so that it would lose updates."""
