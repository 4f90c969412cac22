"""Addresses as they may be told: without the passwords and keys that they hold."""

from urllib.parse import unquote, urlsplit, urlunsplit

HIDDEN = "***"


def shown(url):
    """An address without user, password and the values of its query.

    >>> shown("https://me:secret@mirror.org/a.nii?token=key")
    'https://***@mirror.org/a.nii?***'
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # brackets that are not closed, for instance
        return HIDDEN
    _, at, host = parts.netloc.rpartition("@")
    netloc = f"{HIDDEN}{at}{host}" if at else host
    query = HIDDEN if parts.query else ""
    return urlunsplit(parts._replace(netloc=netloc, query=query, fragment=""))


def check_address(url, name):
    """Raise ValueError for an address that cannot be one, without telling what it holds."""
    try:
        parts = urlsplit(url)
        is_one = parts.scheme == "file" or bool(parts.hostname and parts.port != 0)
    except ValueError:
        is_one = False
    if not is_one:
        msg = f"{name} is not an address; expected one such as https://host/folder, or a folder."
        raise ValueError(msg)


def host_of(url):
    """The host of an address and its port, without user and password."""
    return urlsplit(url).netloc.rpartition("@")[2]


def without_secrets(text, url):
    """A text of another library about an address, without what is secret in it."""
    parts = urlsplit(url)
    secrets = [parts.netloc.rpartition("@")[0], parts.password, parts.query]
    secrets += [unquote(secret) for secret in secrets if secret]
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text
